"""From a provider's outcome to a message's new state: pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from models.rules.lifecycle import MessageState, RunState
from models.rules.quiet_hours import CODE, QuietNow
from models.rules.stored_text import REFERENCE_MAX, stored_text
from models.store.chunks import Counts
from models.store.messages import PlannedMessage, Result
from tasks.providers.base import Outcome, OutcomeKind

_HOURS_MAX = 24.0
_RETRY_MAX_SECONDS = 4 * 3600.0
# A message that was never handed over is not to blame: it is tried again soon, and for a day.
_UNSENT_RETRY_SECONDS = 5.0
_PAUSED_RETRY_SECONDS = 5.0
_CODE_MAX = 100
_DETAIL_MAX = 500


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often and when a deferred message is tried again: `attempts` in all, waits doubling from `base_seconds`."""

    attempts: int
    base_seconds: float


def to_result(message: PlannedMessage, outcome: Outcome, policy: RetryPolicy) -> Result:
    """The message's new state. A deferral becomes a failure after the last attempt, or after 24 hours of trying."""
    if outcome.kind is OutcomeKind.ACCEPTED:  # a code is why something is not as it should be
        return Result(
            message.id,
            message.position,
            MessageState.ACCEPTED,
            _reference(outcome.provider_ref),
            reports=outcome.reports,
            known_by_ref=outcome.known_by_ref,
            provider=outcome.provider,
        )
    state = {
        OutcomeKind.REJECTED: MessageState.FAILED,
        OutcomeKind.UNCERTAIN: MessageState.UNCERTAIN,
        OutcomeKind.DEFERRED: MessageState.DEFERRED,
        OutcomeKind.UNSENT: MessageState.DEFERRED,
    }[outcome.kind]
    retry_after = None
    counted = outcome.kind is not OutcomeKind.UNSENT
    if state is MessageState.DEFERRED:
        tried_out = counted and message.tries + 1 >= policy.attempts
        if tried_out or message.hours_trying >= _HOURS_MAX:
            state = MessageState.FAILED
        else:
            wait = policy.base_seconds * 2**message.tries if counted else _UNSENT_RETRY_SECONDS
            retry_after = min(max(wait, outcome.retry_after_seconds or 0.0), _RETRY_MAX_SECONDS)
    code = outcome.code or ("uncertain" if state is MessageState.UNCERTAIN else None)
    return Result(
        message.id,
        message.position,
        state,
        _reference(outcome.provider_ref),
        None if code is None else stored_text(code, _CODE_MAX),
        None if outcome.detail is None else stored_text(outcome.detail, _DETAIL_MAX),
        retry_after,
        counted,
        outcome.reports,
        provider=outcome.provider,
    )


def _reference(reference: str | None) -> str | None:
    """As its events will be kept with it: what a provider says must not keep its whole window from being recorded."""
    return None if reference is None else stored_text(reference, REFERENCE_MAX)


def suppressed_result(message: PlannedMessage) -> Result:
    """The result of a message whose recipient opted out after the plan."""
    return Result(
        message.id,
        message.position,
        MessageState.SUPPRESSED,
        code="suppressed",
        detail="On the suppression list when its turn came.",
        counts_as_try=False,
    )


def held_back_result(message: PlannedMessage, run_state: RunState, quiet: QuietNow | None) -> Result | None:
    """The result of a message that is sent again, where its run does not send: it waits while the run is paused. Or
    where its recipient is in quiet hours."""
    if run_state in (RunState.SENDING, RunState.COMPLETED):
        seconds = None if quiet is None else quiet.seconds_left(message.recipient)
        return None if seconds is None else quiet_result(message, seconds)
    if run_state in (RunState.CLOSING, RunState.CANCELLED, RunState.FAILED):
        return Result(message.id, message.position, MessageState.CANCELLED, code="cancelled", counts_as_try=False)
    return Result(
        message.id,
        message.position,
        MessageState.DEFERRED,
        retry_after_seconds=_PAUSED_RETRY_SECONDS,
        counts_as_try=False,
    )


def quiet_result(message: PlannedMessage, seconds: float) -> Result:
    """The result of a message whose recipient is in quiet hours for so many seconds yet: it waits, for no fault."""
    return Result(
        message.id,
        message.position,
        MessageState.DEFERRED,
        code=CODE,
        retry_after_seconds=seconds,
        counts_as_try=False,
    )


def astray_result(message: PlannedMessage) -> Result:
    """The result of a message that was to be sent again by the account that had it, which sends no more: nobody else
    can tell whether it would be a second one."""
    return Result(
        message.id,
        message.position,
        MessageState.UNCERTAIN,
        code="uncertain",
        detail="The account that had it sends no more, so that nobody can send it again under its key.",
        counts_as_try=False,
    )


def unmade_result(message: PlannedMessage, reason: str, *, code: str = "content") -> Result:
    """The result of a message that cannot be put together, whatever provider it went to."""
    return Result(
        message.id,
        message.position,
        MessageState.FAILED,
        code=code,
        detail=stored_text(reason, _DETAIL_MAX),
        counts_as_try=False,
    )


def count_results(results: Sequence[Result]) -> Counts:
    """How the chunk's counters move by these results."""
    by_state = dict.fromkeys(MessageState, 0)
    for result in results:
        by_state[result.state] += 1
    return Counts(
        accepted=by_state[MessageState.ACCEPTED],
        failed=by_state[MessageState.FAILED],
        suppressed=by_state[MessageState.SUPPRESSED],
        cancelled=by_state[MessageState.CANCELLED],
        uncertain=by_state[MessageState.UNCERTAIN],
        deferred=by_state[MessageState.DEFERRED],
    )
