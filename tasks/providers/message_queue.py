"""The messages that wait for a connection, to a mail server or an SMSC."""

from tasks.providers.base import LATE, Outcome, OutcomeKind, OutgoingMessage
from tasks.providers.open_calls import OpenCall, WaitingQueue

MessageCall = OpenCall[OutgoingMessage, Outcome]
MessageSlot = tuple[MessageCall, int]

TOO_LATE = Outcome(OutcomeKind.UNSENT, code=LATE, detail="Its turn did not come in time.")


class MessageQueue(WaitingQueue[OutgoingMessage, Outcome]):
    """See WaitingQueue. What was offered to `limit` connections and handed over to none is deferred."""

    def __init__(self, limit: int) -> None:
        super().__init__(limit, _deferred, TOO_LATE)


def _deferred(code: str, detail: str) -> Outcome:
    return Outcome(OutcomeKind.DEFERRED, code=code, detail=detail)
