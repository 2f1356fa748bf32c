"""How long a provider is left alone."""

from hypothesis import given
from hypothesis import strategies as st

from models.rules.circuit import FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS, pause_seconds


@given(st.integers(0, 10_000))
def test_each_pause_is_longer_than_the_last_up_to_the_longest(opened: int) -> None:
    pause = pause_seconds(opened)
    assert FIRST_PAUSE_SECONDS <= pause <= LONGEST_PAUSE_SECONDS
    assert pause_seconds(opened + 1) == min(LONGEST_PAUSE_SECONDS, 2 * pause)
