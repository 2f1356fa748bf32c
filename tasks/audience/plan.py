"""Who gets an email of a campaign, and why the others do not.

Every row of the audience is kept or dropped for its first reason, in the order of REASONS; rows = kept + Σ
dropped. The quote is made by the same steps from fewer columns, so it agrees with the plan on the same rows.
"""

from collections.abc import Collection
from decimal import Decimal

import polars as pl

from models.rules.money import money
from models.rules.pricing import email_cost
from models.rules.segment import CONTACT_FIELDS, Segment, needed_fields
from tasks.audience.addresses import normalised, valid_addresses
from tasks.audience.frames import CONTACTS, KEPT, MONEY, require_columns
from tasks.audience.merge_tags import CONTACT_TAGS, variables_expression
from tasks.audience.recipients import (
    INACTIVE_STATUSES,
    Plan,
    Quote,
    check_statuses,
    choose_recipients,
    count_funnel,
    is_suppressed,
    split_by_reason,
)
from tasks.audience.segmenting import segment_expression

REASONS = ("invalid_address", *INACTIVE_STATUSES, "not_in_segment", "duplicate", "suppressed")


def contact_columns(segment: Segment, tags: Collection[str] = ()) -> tuple[str, ...]:
    """The columns of CONTACTS that the plan reads for this segment and these merge tags, in the schema's
    order.

    What need not be read from the database is not: custom_fields alone is half of the bytes of a contact.
    """
    needed = {"contact_id", "email", "status"}
    needed |= {field if field in CONTACT_FIELDS else "custom_fields" for field in needed_fields(segment)}
    needed |= {tag if tag in CONTACT_TAGS else "custom_fields" for tag in tags}
    return tuple(column for column in CONTACTS if column in needed)


def plan_email(
    members: pl.DataFrame,
    suppressed: pl.DataFrame,
    *,
    segment: Segment,
    price: Decimal,
    tags: Collection[str] = (),
) -> Plan:
    """The plan of an email campaign.

    `members`: the columns that `contact_columns(segment, tags)` names, one row per membership, in any
    order; of one organization. `suppressed`: SUPPRESSED. `price`: of one email. `tags`: the merge tags
    that the content uses. Of several rows with the same recipient the one with the first contact_id stays.
    """
    columns = contact_columns(segment, tags)
    rows = require_columns(members, {column: CONTACTS[column] for column in columns})
    rows, dropped_early = _split_by_own_reason(rows, segment)
    kept, dropped = choose_recipients(rows, "email", suppressed, [dropped_early])
    kept = kept.select(
        "contact_id",
        recipient="email",
        variables=variables_expression(tags),
        position=pl.int_range(pl.len(), dtype=pl.Int32),
        cost=pl.lit(money(price), dtype=MONEY),
    )
    return Plan(require_columns(kept, KEPT), dropped, count_funnel(members.height, kept.height, dropped, REASONS))


def quote_email(members: pl.DataFrame, suppressed: pl.DataFrame, *, segment: Segment, price: Decimal) -> Quote:
    """What `plan_email` would keep and cost, from the columns that `contact_columns(segment)` names.

    contact_id is not looked at and may be absent.
    """
    columns = [column for column in contact_columns(segment) if column != "contact_id"]
    rows = require_columns(members, {column: CONTACTS[column] for column in columns})
    rows, _ = _split_by_own_reason(rows, segment)
    recipients = rows["email"].unique()
    count = recipients.len() - int(is_suppressed(recipients, suppressed).sum())
    return Quote(count, email_cost(count, price))


def _split_by_own_reason(rows: pl.DataFrame, segment: Segment) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Rows that go on, with `email` normalised, and rows dropped for what they are themselves, with `reason`."""
    check_statuses(rows)
    rows = rows.with_columns(normalised("email"))
    reason = (
        pl.when(~pl.lit(valid_addresses(rows["email"])))
        .then(pl.lit("invalid_address"))
        .when(pl.col("status") != "active")
        .then(pl.col("status"))
        .when(~segment_expression(segment))
        .then(pl.lit("not_in_segment"))
    )
    return split_by_reason(rows, reason)
