"""Who gets an SMS of a campaign, what it costs for each of them, and why the others get none.

Every row of the audience is kept or dropped for its first reason, in the order of SMS_REASONS; rows = kept + Σ
dropped. Each recipient is priced on their own text, and the quote is made by the plan itself: which of two contacts
with one number stays decides about the text, so there is no shorter way.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from decimal import Decimal

import polars as pl

from models.rules.sms import SEGMENTS_MAX
from tasks.audience.frames import CONTACTS, KEPT_SMS, MONEY, require_columns
from tasks.audience.merge_tags import CONTACT_TAGS, variables_expression
from tasks.audience.phones import parse_phones
from tasks.audience.recipients import (
    INACTIVE_STATUSES,
    Plan,
    Quote,
    check_statuses,
    choose_recipients,
    count_funnel,
    split_by_reason,
)
from tasks.audience.sms_segments import segments_expression

SMS_REASONS = (
    "no_phone",
    "invalid_phone",
    *INACTIVE_STATUSES,
    "no_price",
    "empty_text",
    "too_many_segments",
    "duplicate",
    "suppressed",
)


def sms_columns(tags: Collection[str] = ()) -> tuple[str, ...]:
    """The columns of CONTACTS that the plan reads for these merge tags, in the schema's order."""
    needed = {"contact_id", "phone", "status"} | {tag if tag in CONTACT_TAGS else "custom_fields" for tag in tags}
    return tuple(column for column in CONTACTS if column in needed)


def plan_sms(
    members: pl.DataFrame,
    suppressed: pl.DataFrame,
    *,
    manual_phones: Sequence[str],
    prices: Mapping[str, Decimal],
    tags: Collection[str],
    text_of: Callable[[str], str],
) -> Plan:
    """The plan of an SMS campaign; `kept` has the columns KEPT_SMS.

    `members`: the columns that `sms_columns(tags)` names, one row per membership or chosen contact, in any order; of
    one organization. `manual_phones` are rows of their own, active and without a contact; a contact with the same
    number wins, since the text may need its fields. `suppressed`: SUPPRESSED, numbers in E.164. `prices`: of a
    segment, by the digits a number begins with; the longest wins. `text_of`: the text that goes out, from a
    recipient's `variables`; it is called once for each different value.
    """
    schema = {column: CONTACTS[column] for column in sms_columns(tags)}
    manual = pl.DataFrame({"phone": list(manual_phones)}, schema={"phone": pl.String}).with_columns(
        status=pl.lit("active")
    )
    rows = pl.concat([require_columns(members, schema), manual], how="diagonal")
    count = rows.height
    rows, without_number = _split_by_number(rows, prices)
    rows, without_text = _split_by_text(rows, tags, text_of)
    kept, dropped = choose_recipients(rows, "phone", suppressed, [without_number, without_text])
    kept = kept.select(
        "contact_id",
        "variables",
        "segments",
        recipient="phone",
        position=pl.int_range(pl.len(), dtype=pl.Int32),
        cost=(pl.col("price") * pl.col("segments")).cast(MONEY),
    )
    return Plan(require_columns(kept, KEPT_SMS), dropped, count_funnel(count, kept.height, dropped, SMS_REASONS))


def quote_of(plan: Plan) -> Quote:
    """What a plan of SMS comes to."""
    kept = plan.kept
    return Quote(kept.height, Decimal(kept["cost"].sum()), int(kept["segments"].sum()))


def _split_by_number(rows: pl.DataFrame, prices: Mapping[str, Decimal]) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Rows that go on, with `phone` as E.164 and the `price` of a segment, and rows that are dropped, with `reason`."""
    check_statuses(rows)
    parsed = parse_phones(rows["phone"]).rename({"text": "phone", "phone": "number"})
    rows = rows.join(parsed, on="phone", how="left", maintain_order="left")
    rows = rows.join(_priced(rows["number"], prices), on="number", how="left", maintain_order="left")
    reason = (
        pl.when(pl.col("phone").fill_null("").str.strip_chars() == "")
        .then(pl.lit("no_phone"))
        .when(pl.col("number").is_null())
        .then(pl.lit("invalid_phone"))
        .when(pl.col("status") != "active")
        .then(pl.col("status"))
        .when(pl.col("price").is_null())
        .then(pl.lit("no_price"))
    )
    priced, dropped = split_by_reason(rows, reason)
    number = pl.coalesce("number", "phone").alias("phone")
    return priced.with_columns(number), dropped.with_columns(number)


def _priced(numbers: pl.Series, prices: Mapping[str, Decimal]) -> pl.DataFrame:
    """`number` and the `price` of its longest prefix, for each distinct one that has a price."""
    listed = pl.DataFrame(
        {"prefix": list(prices), "price": list(prices.values())}, schema={"prefix": pl.String, "price": MONEY}
    )
    found = pl.DataFrame({"number": numbers.drop_nulls().unique()}, schema={"number": pl.String})
    lengths = sorted({len(prefix) for prefix in prices}, reverse=True)
    for length in lengths:
        head = pl.col("number").str.slice(1, length).alias("prefix")
        found = found.with_columns(head).join(
            listed.rename({"price": f"price_{length}"}), on="prefix", how="left", maintain_order="left"
        )
    price = pl.coalesce(f"price_{length}" for length in lengths) if lengths else pl.lit(None, dtype=MONEY)
    return found.select("number", price=price).drop_nulls("price")


def _split_by_text(
    rows: pl.DataFrame, tags: Collection[str], text_of: Callable[[str], str]
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Rows that go on, with `variables` and the `segments` of their text, and rows dropped for their text."""
    rows = rows.with_columns(variables=variables_expression(tags))
    distinct = rows["variables"].unique()
    texts = pl.DataFrame(
        {"variables": distinct, "text": [text_of(variables) for variables in distinct]},
        schema={"variables": pl.String, "text": pl.String},
    )
    segments = segments_expression(pl.col("text"))
    # Int16 is what is stored. A text from long values can have more segments than that: too many is too many.
    counted = texts.select(
        "variables",
        is_empty=~pl.col("text").str.contains(r"\S"),
        segments=pl.min_horizontal(segments, pl.lit(SEGMENTS_MAX + 1, dtype=pl.UInt32)).cast(pl.Int16),
    )
    rows = rows.join(counted, on="variables", how="left", maintain_order="left")
    reason = (
        pl.when(pl.col("is_empty"))
        .then(pl.lit("empty_text"))
        .when(pl.col("segments") > SEGMENTS_MAX)
        .then(pl.lit("too_many_segments"))
    )
    return split_by_reason(rows, reason)
