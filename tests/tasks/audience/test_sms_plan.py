"""Who gets an SMS and what it costs: each row kept or dropped for its first reason, each priced on their own text."""

import json
from decimal import Decimal
from uuid import UUID

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.rules.phone import parse_phone
from models.rules.pricing import sms_cost, sms_price
from models.rules.sms import SEGMENTS_MAX, split_sms
from tasks.audience.frames import DROPPED, KEPT_SMS
from tasks.audience.recipients import Plan
from tasks.audience.sms_plan import SMS_REASONS, plan_sms, quote_of, sms_columns

PRICES = {"371": Decimal("0.045"), "3712": Decimal("0.0401"), "44": Decimal("0.0333"), "1": Decimal("0.0079")}
RIGA, OTHER, LONDON, OSLO = "+37120000001", "+37167000001", "+447400123456", "+4740612345"

Row = tuple[int, str | None, str, str | None]


def _members(*rows: Row) -> pl.DataFrame:
    columns = {"contact_id": pl.String, "phone": pl.String, "status": pl.String, "first_name": pl.String}
    frame = pl.DataFrame([(str(UUID(int=row[0])), *row[1:]) for row in rows], schema=columns, orient="row")
    return frame.select(sms_columns(["first_name"]))


def _text(variables: str) -> str:
    """What the name stands for: a text as long or as strange as a test wants it."""
    name = json.loads(variables).get("first_name", "")
    return {"": "Hi you", "Nobody": " \n", "Long": "x" * 1531}.get(name, f"Hi {name}")


def _plan(members: pl.DataFrame, *suppressed: str, manual: list[str] | None = None) -> Plan:
    return plan_sms(
        members,
        pl.DataFrame({"recipient": suppressed}, schema={"recipient": pl.String}),
        manual_phones=manual or [],
        prices=PRICES,
        tags=["first_name"],
        text_of=_text,
    )


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ((1, None, "bounced", "Long"), "no_phone"),
        ((1, " ", "active", "Anna"), "no_phone"),
        ((1, "12345", "bounced", "Anna"), "invalid_phone"),
        ((1, RIGA, "unsubscribed", "Long"), "unsubscribed"),
        ((1, RIGA, "bounced", "Anna"), "bounced"),
        ((1, RIGA, "complained", "Anna"), "complained"),
        ((1, OSLO, "active", "Nobody"), "no_price"),
        ((1, RIGA, "active", "Nobody"), "empty_text"),
        ((1, RIGA, "active", "Long"), "too_many_segments"),
        ((1, RIGA, "active", "Anna"), "suppressed"),
    ],
)
def test_a_row_is_dropped_for_its_first_reason(row: Row, reason: str) -> None:
    plan = _plan(_members(row), RIGA)
    assert plan.dropped.rows() == [(str(UUID(int=1)), row[1], reason)]
    assert plan.funnel.dropped() == {reason: 1}
    assert plan.kept.is_empty()


def test_each_recipient_is_priced_on_their_own_text_and_the_longest_prefix() -> None:
    rows = [(1, "+371 2000 0001", "active", None), (2, OTHER, "active", "x" * 200), (3, LONDON, "active", "ė" * 70)]
    plan = _plan(_members(*rows))
    assert plan.kept.select("recipient", "segments", "cost").rows() == [
        (RIGA, 1, Decimal("0.0401")),
        (OTHER, 2, Decimal("0.0900")),
        (LONDON, 2, Decimal("0.0666")),
    ]
    quote = quote_of(plan)
    assert (quote.recipients, quote.segments, quote.cost) == (3, 5, Decimal("0.1967"))


def test_a_contact_wins_over_the_same_number_given_by_hand_and_the_first_contact_over_others() -> None:
    members = _members((7, RIGA, "active", "Seven"), (2, "+371 20000001", "active", "Two"))
    plan = _plan(members, manual=[RIGA, LONDON, LONDON])
    assert plan.kept.select("contact_id", "recipient", "variables").rows() == [
        (str(UUID(int=2)), RIGA, '{"first_name":"Two"}'),
        (None, LONDON, "{}"),
    ]
    assert plan.funnel.dropped() == {"duplicate": 3}
    assert plan.funnel.rows == 5


def test_a_contact_with_an_impossible_text_leaves_the_number_to_another() -> None:
    plan = _plan(_members((1, RIGA, "active", "Long"), (2, RIGA, "active", "Anna")))
    assert plan.kept["contact_id"].to_list() == [str(UUID(int=2))]
    assert plan.funnel.dropped() == {"too_many_segments": 1}


def test_a_text_without_merge_tags_is_made_once() -> None:
    made: list[str] = []

    def text_of(variables: str) -> str:
        made.append(variables)
        return "Hello"

    members = _members(*[(n, f"+3712000{n:04}", "active", "A") for n in range(50)]).select(sms_columns())
    suppressed = pl.DataFrame(schema={"recipient": pl.String})
    plan = plan_sms(members, suppressed, manual_phones=[], prices=PRICES, tags=[], text_of=text_of)
    assert (plan.kept.height, made) == (50, ["{}"])


def test_without_prices_nobody_is_written_to() -> None:
    suppressed = pl.DataFrame(schema={"recipient": pl.String})
    plan = plan_sms(_members(), suppressed, manual_phones=[RIGA], prices={}, tags=["first_name"], text_of=_text)
    assert plan.funnel.dropped() == {"no_price": 1}


PHONES = st.sampled_from([RIGA, "+371 2000-0001", OTHER, LONDON, OSLO, "+12015550123", "bad", "", None])
NAMES = st.sampled_from(["Anna", None, "Long", "Nobody", "x" * 155, "ė" * 65, "€" * 79, "😀" * 34])
STATUSES = st.sampled_from(["active"] * 4 + ["unsubscribed", "bounced", "complained"])
ROWS = st.lists(st.tuples(st.integers(1, 30), PHONES, STATUSES, NAMES), max_size=25)
MANUAL = st.lists(st.sampled_from([RIGA, LONDON, "+12015550199"]), max_size=4)


@given(ROWS, MANUAL, st.sets(st.sampled_from([RIGA, LONDON])))
def test_no_row_is_lost_no_number_comes_twice_and_every_price_is_the_rules(
    rows: list[Row], manual: list[str], stopped: set[str]
) -> None:
    plan = _plan(_members(*rows), *stopped, manual=manual)
    assert plan.funnel.rows == len(rows) + len(manual) == plan.kept.height + plan.dropped.height
    assert plan.funnel.rows == plan.funnel.kept + sum(plan.funnel.dropped().values())
    assert tuple(step.reason for step in plan.funnel.steps) == SMS_REASONS
    assert (plan.kept.schema, plan.dropped.schema) == (KEPT_SMS, DROPPED)
    assert plan.kept["recipient"].is_unique().all()
    assert not set(plan.kept["recipient"]) & stopped
    assert plan.kept["position"].to_list() == list(range(plan.kept.height))
    for message in plan.kept.iter_rows(named=True):
        price = sms_price(message["recipient"], PRICES)
        assert parse_phone(message["recipient"]) == message["recipient"]
        assert price is not None
        assert message["segments"] == len(split_sms(_text(message["variables"])).segments) <= SEGMENTS_MAX
        assert message["cost"] == sms_cost(message["segments"], price)
