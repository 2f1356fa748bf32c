"""The mail transactions of one SMTP connection, pipelined (RFC 2920) where the server offers it.

In steady state one write carries the body and final dot of a message together with MAIL, RCPT and DATA of the
next, and one read brings the four replies: one round trip and two system calls a message. The same protocol runs
in lock-step where PIPELINING is not offered.
"""

import asyncio
from collections.abc import Callable
from typing import Protocol, cast

from tasks.providers.base import Outcome, OutcomeKind, OutgoingMessage
from tasks.providers.message_queue import TOO_LATE, MessageSlot
from tasks.providers.smtp_breaks import BreakableSession, Stoppable
from tasks.providers.smtp_commands import EnvelopeCommands, ServerOffer, dot_stuffed
from tasks.providers.smtp_queue import SmtpQueue
from tasks.providers.smtp_replies import ACCOUNT_CODES, acceptance, refusal, reply_text

_OK = ord("2")
_TRANSIENT, _PERMANENT = ord("4"), ord("5")


class SessionOwner(Stoppable, Protocol):
    """Who keeps the connections."""

    def session_idle(self, session: "SmtpSession") -> None:
        """The session has nothing to do and can take a message."""

    def session_progressed(self) -> None:
        """A message was answered."""

    def session_lost(self, session: "SmtpSession") -> None:
        """The connection is gone; its messages are settled or back in the queue."""

    def account_refused(self, outcome: Outcome) -> None:
        """The server does not take mail from us at all: no message is at fault."""


class SmtpSession(BreakableSession):
    """Takes over a transport on which the session is open (EHLO, TLS and AUTH done) and sends what `queue` has."""

    def __init__(
        self,
        transport: asyncio.Transport,
        offer: ServerOffer,
        queue: SmtpQueue,
        owner: SessionOwner,
        reply_timeout: float,
    ) -> None:
        super().__init__(transport, queue, owner)
        self._owner = owner
        self._offer = offer
        self._timeout = reply_timeout
        self._now = asyncio.get_running_loop().time
        self._answer = self._unasked
        self._refusal: bytes | None = None  # first bad reply to the envelope of the offered message
        self._needs_reset = False
        self._handed_over_at = 0.0
        self._last_answer = 0.0  # seconds; so long a pipelined envelope waits until its body goes out
        self._commands = EnvelopeCommands()
        self._backlog = 0
        self.answered = 0  # messages that got their final reply here
        self.idle_since: float | None = self._now()
        self._deadline = float("inf")

    # -- what the owner calls

    def start(self) -> None:
        """Take a message from the queue, if there is one that may go to this server, and begin with it."""
        slot = self._next()
        if slot is None:
            self._rest()
            return
        self.idle_since = None
        self._offered = slot
        self._offer_envelope()

    def check_time(self) -> None:
        """Drop the connection if the server has been silent for too long."""
        if self._now() < self._deadline:
            return
        backlog = self._transport.get_write_buffer_size()
        if 0 < backlog < self._backlog:
            # A large body is still on its way out: RFC 5321 section 4.5.3.2.5 times each block, not the whole.
            self._backlog = backlog
            self._deadline = self._now() + self._timeout
            return
        if self._offered is not None and self._handed_over is None:
            call, index = self._offered
            call.settle(index, Outcome(OutcomeKind.DEFERRED, code="timeout", detail="The mail server did not answer."))
            self._offered = None
        self.drop("the mail server did not answer in time", code="timeout")

    # -- the replies, in the order in which they come

    def _unasked(self, reply: bytes) -> None:
        self.drop(f"the mail server spoke unasked: {reply_text(reply)}")

    def _on_reset(self, reply: bytes) -> None:
        if reply[0] != _OK:
            self._leave(reply)
            return
        self._answer = self._on_mail
        if not self._offer.pipelining:
            self._offered_step(self._commands.mail)

    def _on_mail(self, reply: bytes) -> None:
        self._answer = self._on_recipient
        if reply[0] != _OK and not self._envelope_refused(reply):
            return
        if not self._offer.pipelining:
            self._offered_step(self._commands.recipient)

    def _on_recipient(self, reply: bytes) -> None:
        self._answer = self._on_data
        if reply[0] != _OK and not self._envelope_refused(reply):
            return
        if not self._offer.pipelining:
            self._offered_step(lambda _: b"DATA\r\n")

    def _on_data(self, reply: bytes) -> None:
        if reply[:3] == b"354":
            if self._refusal is None:
                self._hand_over()
            else:
                # RFC 2920 section 3.1: DATA was pipelined and the server takes it without a recipient; a lone dot
                # ends it, and whatever it answers to that, nobody gets this message.
                self._settle_refused()
                self._write_with_next(b".\r\n", self._on_lone_dot)
            return
        if reply[0] not in {_TRANSIENT, _PERMANENT}:
            self._garbage(reply)
        elif self._refusal is not None or self._envelope_refused(reply):
            self._give_up_envelope()

    def _on_lone_dot(self, reply: bytes) -> None:
        if reply[:3] == b"421":
            self._leave(reply)
        else:
            self._after_data()

    def _on_final(self, reply: bytes) -> None:
        slot = self._handed_over
        first = reply[0]
        if slot is None or first not in {_OK, _TRANSIENT, _PERMANENT}:
            self._garbage(reply)
            return
        self._handed_over = None
        self._last_answer = self._now() - self._handed_over_at
        slot[0].settle(slot[1], acceptance(reply) if first == _OK else refusal(reply))
        self.answered += 1
        self._owner.session_progressed()
        if reply[:3] == b"421":
            self._leave(reply)
        else:
            self._after_data()

    # -- the steps

    def _next(self, in_seconds: float = 0.0) -> MessageSlot | None:
        if self._owner.stopped:
            return None
        return self._queue.take_for(self._offer.size_limit, self._offer.smtputf8, in_seconds)

    def _offer_envelope(self) -> None:
        call, index = cast(MessageSlot, self._offered)
        message = call.items[index]
        pipelining = self._offer.pipelining
        self._refusal = None
        commands = self._commands.group(message) if pipelining else self._commands.mail(message)
        self._answer = self._on_mail
        if self._needs_reset:
            self._needs_reset = False
            self._answer = self._on_reset
            commands = b"RSET\r\n" + commands if pipelining else b"RSET\r\n"
        self._transport.write(commands)
        self._deadline = self._now() + self._timeout

    def _offered_step(self, command: Callable[[OutgoingMessage], bytes]) -> None:
        """Lock-step: write the next command of the envelope, or give it up after a refusal."""
        if self._refusal is not None:
            self._give_up_envelope()
            return
        call, index = cast(MessageSlot, self._offered)
        self._transport.write(command(call.items[index]))
        self._deadline = self._now() + self._timeout

    def _hand_over(self) -> None:
        slot = cast(MessageSlot, self._offered)
        call, index = slot
        if call.over or self._owner.stopped:
            # The server waits for a body that nobody may send any more; a dot would send an empty message.
            self.drop("sending was stopped")
            return
        if call.until.is_past():  # the mail server took that long with the envelope: it does its part, and no body goes
            self._offered = None
            call.settle(index, TOO_LATE)
            self._owner.session_progressed()
            self.drop("what is known of the recipient is out of date")
            return
        body = dot_stuffed(call.items[index].content)
        self._offered = None
        self._handed_over = slot
        self._handed_over_at = self._now()
        self._write_with_next(body + b".\r\n", self._on_final)

    def _write_with_next(self, data: bytes, answer: Callable[[bytes], None]) -> None:
        """Write what ends this transaction, together with the envelope of the next message if it may be pipelined."""
        self._answer = answer
        self._refusal = None
        if self._offer.pipelining and (following := self._next(self._last_answer)) is not None:
            self._offered = following
            call, index = following
            data += self._commands.group(call.items[index])
        self._transport.write(data)
        # RFC 5321 section 4.5.3.2: ten minutes for the final dot where a command has five.
        self._deadline = self._now() + 2 * self._timeout
        self._backlog = self._transport.get_write_buffer_size()

    def _after_data(self) -> None:
        """The transaction is over. The replies to a pipelined envelope come next; else begin another."""
        if self._offered is None:
            self.start()
            return
        self._answer = self._on_mail
        self._deadline = self._now() + self._timeout

    def _rest(self) -> None:
        self._answer = self._unasked
        self._deadline = float("inf")
        self.idle_since = self._now()
        self._owner.session_idle(self)

    # -- what goes wrong

    def _envelope_refused(self, reply: bytes) -> bool:
        """Remember the refusal of MAIL, RCPT or DATA. False if the connection is of no use any more."""
        if reply[:3] == b"421":
            self._leave(reply)
            return False
        if reply[0] not in {_TRANSIENT, _PERMANENT}:
            self._garbage(reply)
            return False
        if reply[:3] in ACCOUNT_CODES:
            outcome = Outcome(OutcomeKind.UNSENT, code=reply[:3].decode(), detail=reply_text(reply))
            call, index = cast(MessageSlot, self._offered)
            call.settle(index, outcome)
            self._offered = None
            self._owner.account_refused(outcome)
            self._leave(reply)
            return False
        if self._refusal is None:
            self._refusal = reply
        return True

    def _settle_refused(self) -> None:
        call, index = cast(MessageSlot, self._offered)
        call.settle(index, refusal(cast(bytes, self._refusal)))
        self._offered = None
        self.answered += 1
        self._owner.session_progressed()

    def _give_up_envelope(self) -> None:
        """The message was refused before its body: RSET clears what the server kept of the envelope."""
        self._settle_refused()
        self._needs_reset = True
        self.start()

    def _ended(self) -> None:
        self._owner.session_lost(self)
