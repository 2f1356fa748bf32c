"""When a verified domain whose records are gone is verified no more."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from models.rules.domain_drift import GRACE, MISSES_LEAST, Standing, after_check, is_still_verified, next_check

START = datetime(2026, 1, 15, tzinfo=UTC)
_ANSWERS = st.lists(st.tuples(st.sampled_from([True, False, None]), st.integers(1, 40)), max_size=30)


def _history(answers: list[tuple[bool | None, int]]) -> list[tuple[datetime, bool | None, Standing]]:
    now, standing, seen = START, Standing(), []
    for holds, hours in answers:
        now += timedelta(hours=hours)
        standing = after_check(standing, holds, now)
        seen.append((now, holds, standing))
    return seen


@given(_ANSWERS)
def test_it_is_lost_only_after_72_hours_and_three_misses_without_one_that_holds(answers) -> None:
    seen = _history(answers)
    for index, (now, _, standing) in enumerate(seen):
        since_held = [(at, holds) for at, holds, _ in seen[: index + 1]]
        held = max((at for at, holds in since_held if holds), default=START)
        misses = [at for at, holds in since_held if holds is False and at > held]
        lost = len(misses) >= MISSES_LEAST and now - misses[0] >= GRACE
        assert is_still_verified(standing, now) is not lost


@given(_ANSWERS)
def test_no_answer_changes_nothing(answers) -> None:
    silent = [(None, hours) for _, hours in answers]
    assert all(standing == Standing() for _, _, standing in _history(silent))
    missing = after_check(Standing(), False, START)
    assert after_check(missing, None, START + 10 * GRACE) == missing


def test_it_is_looked_at_more_often_while_records_are_missing() -> None:
    missing = after_check(Standing(), False, START)
    assert next_check(missing, False) < next_check(Standing(), True) == timedelta(days=1)
    assert next_check(missing, None) == next_check(Standing(), None)
