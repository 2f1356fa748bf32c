"""What the API shows of an email and of a batch of them (docs/api/rules.md, Email)."""

from enum import StrEnum

from models.rules.lifecycle import PUBLIC_STATUS, MessageState, RunState

EMAIL_STATUSES = ("pending", "sent", "delivered", "opened", "clicked", "bounced", "failed", "complained")

SUPPRESSED = "suppressed"
"""The error code of an email whose recipient is on the suppression list."""

_NAMED_BY_STATE = frozenset({MessageState.UNCERTAIN, MessageState.SUPPRESSED, MessageState.CANCELLED})
_WITH_ERROR = frozenset({MessageState.FAILED, MessageState.BOUNCED, MessageState.COMPLAINED})
_TEXTS = {
    MessageState.UNCERTAIN: "The email was handed over, and the provider's answer was lost.",
    MessageState.SUPPRESSED: "The recipient is on the suppression list.",
    MessageState.CANCELLED: "The email was cancelled before it was sent.",
}
_ENDED = frozenset({RunState.COMPLETED, RunState.CANCELLED, RunState.FAILED})


class BatchStatus(StrEnum):
    """How far a batch is."""

    PENDING = "pending"
    SENDING = "sending"
    COMPLETED = "completed"
    FAILED = "failed"


def states_of(status: str) -> list[str]:
    """The states of messages that show as this status."""
    return [state.value for state, shown in PUBLIC_STATUS.items() if shown == status]


def shown_problem(state: MessageState, code: str | None, text: str | None) -> tuple[str | None, str | None]:
    """Error code and error message that are shown of an email; a try that went wrong before the last one is none."""
    if state in _NAMED_BY_STATE:
        return state.value, text or _TEXTS[state]
    return (code, text) if state in _WITH_ERROR else (None, None)


def batch_status(state: RunState, *, recipients: int, pending: int, unsent: int) -> BatchStatus:
    """The status of a batch with so many recipients, of whom `pending` are undecided and `unsent` get nothing.

    It has failed when no provider got any of it.
    """
    if state in _ENDED or pending == 0:
        return BatchStatus.FAILED if unsent == recipients else BatchStatus.COMPLETED
    return BatchStatus.PENDING if pending == recipients else BatchStatus.SENDING
