"""From a provider's outcome to the message's next state."""

from uuid import UUID

import pytest

from models.rules.lifecycle import MESSAGE_MOVES, MessageState
from models.store.chunks import Counts
from models.store.messages import PlannedMessage
from tasks.providers.base import Outcome, OutcomeKind
from tasks.sending.results import RetryPolicy, count_results, suppressed_result, to_result, unmade_result

POLICY = RetryPolicy(attempts=3, base_seconds=60)


def _message(tries: int = 0, hours: float = 0.0) -> PlannedMessage:
    return PlannedMessage(UUID(int=1), 0, "a@example.com", None, tries, hours, UUID(int=2), None)


@pytest.mark.parametrize(
    ("kind", "state"),
    [
        (OutcomeKind.ACCEPTED, MessageState.ACCEPTED),
        (OutcomeKind.REJECTED, MessageState.FAILED),
        (OutcomeKind.UNCERTAIN, MessageState.UNCERTAIN),
        (OutcomeKind.DEFERRED, MessageState.DEFERRED),
        (OutcomeKind.UNSENT, MessageState.DEFERRED),
    ],
)
def test_every_outcome_is_a_legal_move(kind, state):
    result = to_result(_message(), Outcome(kind), POLICY)
    assert result.state is state
    assert state in MESSAGE_MOVES[MessageState.PLANNED]


def test_an_accepted_message_has_no_error_code():
    result = to_result(_message(), Outcome(OutcomeKind.ACCEPTED, provider_ref="q1", code="250"), POLICY)
    assert (result.code, result.detail, result.provider_ref) == (None, None, "q1")


@pytest.mark.parametrize(("tries", "seconds"), [(0, 60), (1, 120)])
def test_the_wait_doubles_with_each_try(tries, seconds):
    assert to_result(_message(tries), Outcome(OutcomeKind.DEFERRED), POLICY).retry_after_seconds == seconds


def test_what_the_provider_asks_for_is_waited_but_not_for_ever():
    def wait(asked: float) -> float | None:
        outcome = Outcome(OutcomeKind.DEFERRED, retry_after_seconds=asked)
        return to_result(_message(), outcome, POLICY).retry_after_seconds

    assert (wait(300), wait(10), wait(1e9)) == (300, 60, 4 * 3600)


def test_the_last_try_fails():
    result = to_result(_message(tries=2), Outcome(OutcomeKind.DEFERRED, code="451"), POLICY)
    assert (result.state, result.code) == (MessageState.FAILED, "451")


def test_what_was_never_handed_over_is_no_try_but_ends_after_a_day():
    outcome = Outcome(OutcomeKind.UNSENT)
    soon = to_result(_message(tries=2), outcome, POLICY)
    assert (soon.state, soon.counts_as_try) == (MessageState.DEFERRED, False)
    assert to_result(_message(hours=24), outcome, POLICY).state is MessageState.FAILED


def test_results_are_counted_by_what_became_of_the_messages():
    results = [to_result(_message(), Outcome(kind), POLICY) for kind in OutcomeKind]
    results += [suppressed_result(_message()), unmade_result(_message(), "no address")]
    assert count_results(results) == Counts(accepted=1, failed=2, suppressed=1, uncertain=1, deferred=2)
