"""Who gets an email: each row kept or dropped for its first reason, none lost."""

from decimal import Decimal
from random import Random
from uuid import UUID

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.rules.segment import EVERYONE, parse_segment
from tasks.audience.frames import CONTACTS, DROPPED, KEPT
from tasks.audience.plan import REASONS, Plan, contact_columns, plan_email, quote_email

PRICE = Decimal("0.001")
ANNAS = parse_segment({"first_name": "Anna"})


def _members(*rows: tuple[int, str | None, str, str | None]) -> pl.DataFrame:
    columns = {"contact_id": pl.String, "email": pl.String, "status": pl.String, "first_name": pl.String}
    return pl.DataFrame([(str(UUID(int=row[0])), *row[1:]) for row in rows], schema=columns, orient="row")


def _suppressed(*recipients: str) -> pl.DataFrame:
    return pl.DataFrame({"recipient": recipients}, schema={"recipient": pl.String})


def _plan(members: pl.DataFrame, *suppressed: str) -> Plan:
    return plan_email(members, _suppressed(*suppressed), segment=ANNAS, price=PRICE, tags=["first_name"])


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ((1, "not-an-address", "bounced", "Ben"), "invalid_address"),
        ((1, None, "active", "Anna"), "invalid_address"),
        ((1, "stopped@example.com", "unsubscribed", "Ben"), "unsubscribed"),
        ((1, "stopped@example.com", "bounced", "Ben"), "bounced"),
        ((1, "stopped@example.com", "complained", "Ben"), "complained"),
        ((1, "stopped@example.com", "active", "Ben"), "not_in_segment"),
        ((1, "stopped@example.com", "active", None), "not_in_segment"),
        ((1, "stopped@example.com", "active", "Anna"), "suppressed"),
    ],
)
def test_a_row_is_dropped_for_its_first_reason(row: tuple[int, str | None, str, str | None], reason: str) -> None:
    plan = _plan(_members(row), "stopped@example.com")
    assert plan.dropped.rows() == [(str(UUID(int=1)), row[1], reason)]
    assert plan.funnel.dropped() == {reason: 1}
    assert plan.kept.is_empty()


def test_of_one_recipient_the_first_contact_stays() -> None:
    members = _members(
        (0xF3, "ANNA@example.com", "active", "Anna"),
        (0x2, " anna@example.com", "active", "Anna"),
        (0x10, "ben@example.com", "active", "Anna"),
        (0x2, " anna@example.com", "active", "Anna"),
    )
    plan = _plan(members)
    assert plan.kept.rows() == [
        (str(UUID(int=0x2)), "anna@example.com", '{"first_name":"Anna"}', 0, Decimal("0.0010")),
        (str(UUID(int=0x10)), "ben@example.com", '{"first_name":"Anna"}', 1, Decimal("0.0010")),
    ]
    assert plan.funnel.dropped() == {"duplicate": 2}


def test_a_suppressed_recipient_is_suppressed_once_and_repeated_else() -> None:
    twice = (1, "stopped@example.com", "active", "Anna")
    assert _plan(_members(twice, twice), "stopped@example.com").funnel.dropped() == {"duplicate": 1, "suppressed": 1}


def test_the_funnel_lists_every_step_in_order() -> None:
    funnel = _plan(_members((1, "a@example.com", "active", "Anna"))).funnel
    assert tuple(step.reason for step in funnel.steps) == REASONS
    assert (funnel.rows, funnel.kept) == (1, 1)


def test_only_the_columns_that_are_looked_at_are_needed() -> None:
    assert contact_columns(EVERYONE) == ("contact_id", "email", "status")
    assert contact_columns(ANNAS, ["email"]) == ("contact_id", "email", "status", "first_name")
    for tag in ("company", "custom_fields.phone", "custom_fields"):
        assert contact_columns(EVERYONE, [tag])[-1] == "custom_fields"
    assert set(contact_columns(parse_segment({"custom_fields.x": 1}), ["phone", "last_name"])) <= CONTACTS.keys()


def test_a_tag_named_like_a_column_that_is_no_tag_is_a_custom_field() -> None:
    frame = _members((1, "a@example.com", "active", "Anna")).with_columns(custom_fields=pl.lit('{"status":"gold"}'))
    plan = plan_email(frame, _suppressed(), segment=EVERYONE, price=PRICE, tags=["status"])
    assert plan.kept["variables"].to_list() == ['{"status":"gold"}']


def test_an_unknown_status_or_a_missing_column_is_an_error() -> None:
    with pytest.raises(AssertionError, match="status"):
        _plan(_members((1, "a@example.com", "deleted", "Anna")))
    with pytest.raises(AssertionError, match="first_name: missing"):
        _plan(_members().drop("first_name"))
    with pytest.raises(AssertionError, match="recipient: missing"):
        plan_email(_members(), pl.DataFrame(), segment=EVERYONE, price=PRICE)


EMAILS = st.sampled_from(
    [f"{name}@example.com" for name in "abcd"] + ["A@Example.com", "bad", "", None, "ž@example.com"]
)
STATUSES = st.sampled_from(["active"] * 4 + ["unsubscribed", "bounced", "complained"])
ROWS = st.lists(
    st.tuples(st.integers(1, 30), EMAILS, STATUSES, st.sampled_from(["Anna", "Anna", "Ben", None])), max_size=25
)


@given(ROWS, st.sets(st.sampled_from(["a@example.com", "b@example.com", "ž@example.com"])))
def test_no_row_is_lost_and_no_recipient_comes_twice(
    rows: list[tuple[int, str | None, str, str | None]], stopped: set[str]
) -> None:
    members = _members(*rows)
    plan = _plan(members, *stopped)
    assert members.height == plan.kept.height + plan.dropped.height
    assert plan.funnel.rows == plan.funnel.kept + sum(plan.funnel.dropped().values())
    assert (plan.kept.schema, plan.dropped.schema) == (KEPT, DROPPED)
    assert plan.kept["recipient"].is_unique().all()
    assert not set(plan.kept["recipient"]) & stopped
    assert plan.kept["position"].to_list() == list(range(plan.kept.height))
    assert plan.kept["contact_id"].to_list() == sorted(plan.kept["contact_id"])
    quote = quote_email(members, _suppressed(*stopped), segment=ANNAS, price=PRICE)
    assert (quote.recipients, quote.cost) == (plan.kept.height, sum(plan.kept["cost"], Decimal(0)))


@given(ROWS, st.randoms(use_true_random=False))
def test_the_order_of_rows_changes_nothing(rows: list[tuple[int, str | None, str, str | None]], random: Random) -> None:
    shuffled = list(rows)
    random.shuffle(shuffled)
    one, other = _plan(_members(*rows)), _plan(_members(*shuffled))
    assert one.funnel == other.funnel
    assert one.kept.select("contact_id").equals(other.kept.select("contact_id"))
