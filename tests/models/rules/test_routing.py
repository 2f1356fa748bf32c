"""By which account a message goes: priorities are strict, weights add up, and a message keeps its account."""

from collections import Counter
from dataclasses import replace
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.rules.ids import new_id
from models.rules.routing import Way, ways_of

_COUNTRIES = ["LT", "LV", "DE", "US"]
_WAYS = st.lists(
    st.builds(
        Way,
        name=st.text("abcdefgh", min_size=1, max_size=4),
        is_own=st.booleans(),
        priority=st.integers(0, 3),
        weight=st.integers(1, 5),
        countries=st.none() | st.frozensets(st.sampled_from(_COUNTRIES), min_size=1),
    ),
    max_size=6,
    unique_by=lambda way: way.name,
)
_ASKED = st.tuples(_WAYS, st.uuids(), st.none() | st.sampled_from(_COUNTRIES))


@given(_ASKED)
def test_every_account_that_serves_the_country_is_there_once_and_no_other(
    asked: tuple[list[Way], UUID, str | None],
) -> None:
    ways, message_id, country = asked
    serving = [way.name for way in ways if way.countries is None or country in way.countries]
    assert sorted(ways_of(ways, message_id, country)) == sorted(serving)


@given(_ASKED)
def test_own_accounts_come_first_and_lower_priorities_before_higher(
    asked: tuple[list[Way], UUID, str | None],
) -> None:
    ways, message_id, country = asked
    by_name = {way.name: way for way in ways}
    found = [by_name[name] for name in ways_of(ways, message_id, country)]
    ranks = [(not way.is_own, way.priority) for way in found]
    assert ranks == sorted(ranks)


@given(_ASKED, st.randoms(use_true_random=False))
def test_a_message_has_the_same_order_whoever_asks(asked: tuple[list[Way], UUID, str | None], random: object) -> None:
    ways, message_id, country = asked
    shuffled = list(ways)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert ways_of(shuffled, message_id, country) == ways_of(ways, message_id, country)


@given(_ASKED)
def test_an_account_that_is_gone_moves_only_its_own_messages(asked: tuple[list[Way], UUID, str | None]) -> None:
    ways, message_id, country = asked
    order = ways_of(ways, message_id, country)
    for gone in order:
        left = [way for way in ways if way.name != gone]
        assert ways_of(left, message_id, country) == [name for name in order if name != gone]


@pytest.mark.parametrize("weights", [(1, 1), (1, 3), (5, 2, 1), (1000, 1)])
def test_equal_accounts_share_by_their_weights(weights: tuple[int, ...]) -> None:
    ways = [Way(f"smtp:{number}", weight=weight) for number, weight in enumerate(weights)]
    messages = [UUID(int=number * 0x9E3779B97F4A7C15F39CC0605CEDC835 % 2**128) for number in range(1, 6001)]
    first = Counter(ways_of(ways, message_id)[0] for message_id in messages)
    for way in ways:
        part = way.weight / sum(weights)
        # Five standard deviations of so many draws: the ids are the same each time, so it holds or it does not.
        assert abs(first[way.name] - part * len(messages)) <= 5 * (len(messages) * part * (1 - part)) ** 0.5


def test_the_second_choice_is_shared_by_weight_as_well() -> None:
    ways = [Way("a", priority=0), Way("b", weight=3), Way("c")]
    second = Counter(ways_of(ways, new_id())[1] for _ in range(2000))
    assert set(second) == {"b", "c"}
    assert second["b"] > second["c"]


def test_where_no_account_serves_the_country_there_is_no_way() -> None:
    only = Way("a", countries=frozenset({"LT"}))
    assert ways_of([only], new_id(), "DE") == []
    assert ways_of([only], new_id(), None) == []
    assert ways_of([only, replace(only, name="b", countries=None)], new_id(), None) == ["b"]
