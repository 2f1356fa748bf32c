"""The two messages that one SMTP connection may have, and what each end of the connection means for them.

What is certain is kept apart from what is not: `_handed_over` is the message whose final dot was given to the
transport and not answered, `_offered` the one of which the server has the envelope at most.
"""

import asyncio
from typing import Protocol

from tasks.providers.base import Outcome, OutcomeKind
from tasks.providers.message_queue import MessageCall, MessageSlot
from tasks.providers.smtp_queue import SmtpQueue
from tasks.providers.smtp_reader import ReplyReader
from tasks.providers.smtp_replies import reply_text


class Stoppable(Protocol):
    """Who may stop all that is sent."""

    stopped: bool  # set from any thread; nothing is handed over any more


class BreakableSession(ReplyReader):
    """Settles its messages when the connection ends, whoever ends it; then `_ended` is called."""

    def __init__(self, transport: asyncio.Transport, queue: SmtpQueue, stoppable: Stoppable) -> None:
        super().__init__()
        self._transport = transport
        self._queue = queue
        self._stoppable = stoppable
        self._handed_over: MessageSlot | None = None
        self._offered: MessageSlot | None = None
        self.lost = False

    def withdraw(self, call: MessageCall) -> None:
        """If a message of this call is handed over and not answered, that is what there is to say about it."""
        if self._handed_over is not None and self._handed_over[0] is call:
            detail = "Handed over, then sending was stopped."
            call.settle(self._handed_over[1], Outcome(OutcomeKind.UNCERTAIN, code="aborted", detail=detail))

    def quit(self) -> None:
        """Say QUIT and close; only for an idle session."""
        if not self.lost:
            self._transport.write(b"QUIT\r\n")
            self._transport.close()
            self._end("closed", "connection")

    def drop(self, why: str, code: str = "connection") -> None:
        """Close at once. The message that was handed over becomes uncertain, the offered one goes back."""
        if not self.lost:
            self._transport.abort()
            self._end(why, code)

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection broke, or the server closed it."""
        why = "the mail server closed the connection"
        self._end(why if exc is None else f"the connection broke: {type(exc).__name__}", "connection")

    def _leave(self, reply: bytes) -> None:
        """The server ends the session (421, RFC 5321 section 3.8)."""
        self.drop(f"the mail server ended the session: {reply_text(reply)}", code=reply[:3].decode())

    def _garbage(self, line: bytes) -> None:
        self.drop(f"the mail server's reply is not SMTP: {reply_text(line)[:80]}", code="protocol")

    def _end(self, why: str, code: str) -> None:
        if self.lost:
            return
        self.lost = True
        handed_over, offered = self._handed_over, self._offered
        self._handed_over = self._offered = None
        if handed_over is not None:
            call, index = handed_over
            detail = f"Handed over, then {why}."[:500]
            call.settle(index, Outcome(OutcomeKind.UNCERTAIN, code=code, detail=detail))
        if offered is not None and not self._stoppable.stopped:
            # When stopped, the owner settles it: it is unsent, whatever broke the connection.
            detail = f"Not handed over: {why}."[:500]
            self._queue.give_back(offered, detail, code)
        self._ended()

    def _ended(self) -> None:
        """The connection is gone; its messages are settled or back in the queue."""
        raise NotImplementedError
