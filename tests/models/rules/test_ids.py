"""Ids of messages follow from run and position, and are still honest UUIDv7."""

from datetime import UTC, datetime, timedelta
from uuid import RFC_4122, UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.rules.ids import (
    POSITIONS_MAX,
    id_time,
    made_on,
    message_id,
    message_id_range,
    new_id,
    run_message_prefix,
)
from tests.support.message_ids import message_position

RUNS = st.uuids(version=4).map(lambda u: UUID(int=u.int & ~(0xF << 76) | 0x7 << 76))
POSITIONS = st.integers(0, POSITIONS_MAX - 1)


def test_new_ids_are_uuid7_of_now_and_in_order() -> None:
    ids = [new_id() for _ in range(1000)]
    assert ids == sorted(ids)
    assert {type(identifier) for identifier in ids} == {UUID}
    assert {identifier.version for identifier in ids} == {7}
    assert abs(id_time(ids[-1]) - datetime.now(UTC)) < timedelta(minutes=1)


@given(RUNS, POSITIONS)
def test_a_message_id_is_a_uuid7_of_the_runs_time(run_id: UUID, position: int) -> None:
    message = message_id(run_id, position)
    assert message.version == 7
    assert message.variant == RFC_4122
    assert id_time(message) == id_time(run_id)
    assert message_position(message) == position


@given(RUNS, POSITIONS, POSITIONS)
def test_message_ids_lie_in_the_order_of_positions(run_id: UUID, one: int, other: int) -> None:
    first, second = message_id(run_id, one), message_id(run_id, other)
    assert (first < second) == (one < other)
    assert (first.bytes < second.bytes) == (one < other)
    assert (str(first) < str(second)) == (one < other)


@given(RUNS, POSITIONS)
def test_the_same_plan_gives_the_same_ids_and_the_prefix_is_their_beginning(run_id: UUID, position: int) -> None:
    assert message_id(run_id, position) == message_id(run_id, position)
    assert len(run_message_prefix(run_id)) == 28
    assert str(message_id(run_id, position)) == run_message_prefix(run_id) + str(position).zfill(8)


@given(RUNS, RUNS)
def test_two_runs_share_no_message_id(one: UUID, other: UUID) -> None:
    assert (run_message_prefix(one) == run_message_prefix(other)) == (one == other)


def test_runs_of_the_same_millisecond_share_no_message_id() -> None:
    time_bits = new_id().int >> 80 << 80 | 0x7 << 76 | 0b10 << 62
    prefixes = {run_message_prefix(UUID(int=time_bits | number)) for number in range(20_000)}
    assert len(prefixes) == 20_000


@given(RUNS, POSITIONS, POSITIONS, POSITIONS)
def test_a_range_of_ids_holds_just_its_positions(run_id: UUID, first: int, last: int, position: int) -> None:
    low, high = message_id_range(run_id, first, last)
    assert (low <= message_id(run_id, position) <= high) == (first <= position <= last)


@pytest.mark.parametrize("position", [-1, POSITIONS_MAX])
def test_a_position_outside_of_eight_digits_is_refused(position: int) -> None:
    with pytest.raises(ValueError, match="position"):
        message_id(new_id(), position)


def test_the_day_of_an_id_is_the_day_in_utc() -> None:
    last_moment = datetime(2026, 1, 31, 23, 59, 59, 999000, tzinfo=UTC)
    identifier = UUID(int=int(last_moment.timestamp() * 1000) << 80 | 0x7 << 76 | 0b10 << 62)
    assert id_time(identifier) == last_moment
    assert made_on(identifier).isoformat() == "2026-01-31"


def test_an_id_that_claims_no_possible_time_is_of_the_last_day() -> None:
    assert made_on(UUID(int=2**128 - 1)).isoformat() == "9999-12-31"
