"""What reports come to, as a law of sets."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.rules.lifecycle import MESSAGE_MOVES, MessageState
from models.rules.reported import Facts, Occurrence, counts_of, learn
from models.rules.reports import ReportKind

NOON = datetime(2026, 1, 15, 12, tzinfo=UTC)
CODES = {ReportKind.BOUNCED: ["5.1.1", "4.2.2"], ReportKind.FAILED: ["undelivered"], ReportKind.EXPIRED: ["expired"]}


def _at(second: int) -> datetime:
    return NOON + timedelta(seconds=second)


def _occurrence(kind: ReportKind) -> st.SearchStrategy[Occurrence]:
    codes = st.sampled_from(CODES[kind]) if kind in CODES else st.none()
    return st.builds(Occurrence, st.just(kind), st.integers(0, 9).map(_at), codes, st.booleans())


OCCURRENCES = st.lists(st.sampled_from(list(ReportKind)).flatmap(_occurrence), min_size=1, max_size=8)
STATES = st.sampled_from(
    [state for state in MessageState if state not in {MessageState.PLANNED, MessageState.DEFERRED}]
)
FRESH = STATES.filter(lambda state: state in {MessageState.ACCEPTED, MessageState.UNCERTAIN} or not counts_of(state))


@given(FRESH, OCCURRENCES, st.data())
def test_order_repetition_and_batches_do_not_matter(state: MessageState, reports: list[Occurrence], data) -> None:
    start = Facts(state, error_code="uncertain" if state is MessageState.UNCERTAIN else None)
    at_once = learn(start, reports)
    again = data.draw(st.permutations([*reports, *data.draw(st.lists(st.sampled_from(reports), max_size=4))]))
    one_by_one = start
    for report in again:
        one_by_one = learn(one_by_one, [report])
    assert one_by_one == at_once == learn(at_once, reports)


@given(FRESH, OCCURRENCES)
def test_every_step_is_a_legal_move(state: MessageState, reports: list[Occurrence]) -> None:
    facts = Facts(state)
    for report in reports:
        after = learn(facts, [report])
        assert after.state is facts.state or after.state in MESSAGE_MOVES[facts.state]
        facts = after


@pytest.mark.parametrize(
    ("kinds", "state"),
    [
        ("delivered", "delivered"),
        ("delivered opened", "opened"),
        ("opened delivered", "opened"),
        ("clicked opened delivered", "clicked"),
        ("clicked bounced", "bounced"),
        ("bounced delivered", "bounced"),
        ("bounced complained clicked", "complained"),
        ("failed", "bounced"),
        ("expired delivered", "bounced"),
        ("unsubscribed", "delivered"),
    ],
)
def test_the_highest_rank_shows(kinds: str, state: str) -> None:
    reports = [Occurrence(ReportKind(kind), _at(no)) for no, kind in enumerate(kinds.split())]
    assert learn(Facts(MessageState.ACCEPTED), reports).state == state


def test_an_open_implies_delivery_and_each_time_is_the_first() -> None:
    reports = [
        Occurrence(ReportKind.OPENED, _at(5)),
        Occurrence(ReportKind.OPENED, _at(3)),
        Occurrence(ReportKind.DELIVERED, _at(9)),
    ]
    facts = learn(Facts(MessageState.ACCEPTED), reports)
    assert (facts.delivered_at, facts.opened_at, facts.clicked_at) == (_at(3), _at(3), None)


def test_what_a_machine_opened_proves_acceptance_and_nothing_else() -> None:
    opened = Occurrence(ReportKind.OPENED, _at(1), by_machine=True)
    assert learn(Facts(MessageState.UNCERTAIN, error_code="uncertain"), [opened]) == Facts(MessageState.ACCEPTED)


@pytest.mark.parametrize("state", [MessageState.FAILED, MessageState.SUPPRESSED, MessageState.CANCELLED])
def test_a_message_that_was_refunded_stays_as_it_is(state: MessageState) -> None:
    assert learn(Facts(state), [Occurrence(ReportKind.DELIVERED, _at(0))]) == Facts(state)


def test_an_sms_that_failed_twice_shows_why_it_failed_first() -> None:
    failed = Occurrence(ReportKind.FAILED, _at(4), "undelivered")
    expired = Occurrence(ReportKind.EXPIRED, _at(2), "expired")
    assert learn(Facts(MessageState.ACCEPTED), [failed, expired]).error_code == "expired"
