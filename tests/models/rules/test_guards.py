"""When a campaign pauses itself."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.rules.guards import GuardLimits, Seen, reason_to_pause

counts = st.integers(0, 5_000)
seen = st.builds(Seen, accepted=counts, failed=counts, delivered=counts, bounced=counts, complained=counts)
percents = st.none() | st.decimals(0, 100, places=2)
limits = st.builds(
    GuardLimits,
    least=st.integers(1, 2_000),
    failed_percent=percents,
    bounced_percent=percents,
    complained_percent=percents,
)


@pytest.mark.parametrize(
    ("what", "code"),
    [
        (Seen(accepted=400, failed=100), None),  # exactly a fifth
        (Seen(accepted=399, failed=101), "too_many_failures"),
        (Seen(accepted=398, failed=101), None),  # 499 outcomes
        (Seen(accepted=900, delivered=450, bounced=50), None),
        (Seen(accepted=900, delivered=449, bounced=51), "too_many_hard_bounces"),
        (Seen(accepted=1_000_000, bounced=500), None),  # by plain SMTP nobody reports deliveries
        (Seen(accepted=4_000, bounced=401), "too_many_hard_bounces"),
        (Seen(accepted=1_000, delivered=1_000, complained=5), None),
        (Seen(accepted=1_000, delivered=1_000, complained=6), "too_many_complaints"),
        (Seen(), None),
    ],
)
def test_the_limits_are_where_they_are_written(what: Seen, code: str | None) -> None:
    reason = reason_to_pause(GuardLimits(), what)
    assert (reason.partition(":")[0] if reason else None) == code


def test_the_reason_says_the_numbers() -> None:
    reason = reason_to_pause(GuardLimits(), Seen(accepted=1_500, failed=500))
    assert reason == "too_many_failures: 500 of 2,000 messages were refused for good, more than 20 %."


@given(limits, seen)
def test_it_pauses_where_a_share_of_enough_messages_is_above_its_limit_and_nowhere_else(
    limit: GuardLimits, what: Seen
) -> None:
    known = what.delivered + what.bounced if what.delivered else what.accepted
    shares = [
        (what.failed, what.accepted + what.failed, limit.failed_percent),
        (what.bounced, known, limit.bounced_percent),
        (what.complained, known, limit.complained_percent),
    ]
    too_many = any(
        share is not None and of >= limit.least and Fraction(bad, of) > Fraction(share) / 100
        for bad, of, share in shares
    )
    assert (reason_to_pause(limit, what) is not None) == too_many


@given(limits, seen)
def test_what_was_seen_before_a_resume_counts_no_more(limit: GuardLimits, what: Seen) -> None:
    assert reason_to_pause(limit, what.since(what)) is None


@given(seen, seen)
def test_what_came_since_is_the_difference_and_never_below_zero(earlier: Seen, more: Seen) -> None:
    total = Seen(
        accepted=earlier.accepted + more.accepted,
        failed=earlier.failed + more.failed,
        delivered=earlier.delivered + more.delivered,
        bounced=earlier.bounced + more.bounced,
        complained=earlier.complained + more.complained,
    )
    assert total.since(earlier) == more
    assert earlier.since(total) == Seen()


@given(seen)
def test_without_limits_nothing_pauses(what: Seen) -> None:
    assert reason_to_pause(GuardLimits(1, None, None, None), what) is None


@given(seen, st.integers(1, 100))
def test_more_failures_never_make_it_go_on(what: Seen, more: int) -> None:
    limit = GuardLimits(bounced_percent=None, complained_percent=None, failed_percent=Decimal(20))
    worse = Seen(accepted=what.accepted, failed=what.failed + more)
    if reason_to_pause(limit, what) is not None:
        assert reason_to_pause(limit, worse) is not None
