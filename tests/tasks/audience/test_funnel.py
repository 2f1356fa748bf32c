"""The funnel adds up, and survives storage."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.audience.funnel import Funnel, FunnelStep, make_funnel

DROPS = st.lists(st.tuples(st.sampled_from(["invalid_address", "duplicate", "suppressed"]), st.integers(0, 9)))


@given(DROPS, st.integers(0, 9))
def test_rows_are_kept_and_dropped_and_json_keeps_them(drops: list[tuple[str, int]], kept: int) -> None:
    rows = kept + sum(count for _, count in drops)
    funnel = make_funnel(rows, drops)
    assert funnel.kept == kept
    assert Funnel.from_json(json.loads(json.dumps(funnel.to_json()))) == funnel


def test_reasons_that_dropped_none_are_steps_but_not_drops() -> None:
    funnel = make_funnel(10, [("invalid_address", 0), ("duplicate", 4)])
    assert funnel.steps == (FunnelStep("invalid_address", 0, 10), FunnelStep("duplicate", 4, 6))
    assert funnel.dropped() == {"duplicate": 4}


@pytest.mark.parametrize("steps", [(FunnelStep("duplicate", 1, 8),), (FunnelStep("duplicate", -1, 11),)])
def test_a_funnel_that_does_not_add_up_is_an_error(steps: tuple[FunnelStep, ...]) -> None:
    with pytest.raises(AssertionError, match="duplicate"):
        Funnel(10, steps)
