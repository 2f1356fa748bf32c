"""SMS over SMPP 3.4: a few bound connections that all open `send` calls share."""

import ssl
from collections.abc import Sequence

from tasks.providers.base import Capabilities, Outcome, OutcomeKind, OutgoingMessage
from tasks.providers.connection_pool import ConnectionPool
from tasks.providers.message_queue import MessageQueue, MessageSlot
from tasks.providers.smpp_link import BindRefusedError
from tasks.providers.smpp_opening import open_link, unreachable
from tasks.providers.smpp_session import SmppSession
from tasks.providers.smpp_url import SmppAddress, parse_smpp_url
from tasks.providers.until import NEVER, Until

_MESSAGES_PER_CALL = 500
_OFFERED_AT_MOST = 3  # times, where connections break before a message is handed over
_IDLE_SECONDS = 60.0
_STOPPED = Outcome(OutcomeKind.UNSENT, code="aborted", detail="Sending was stopped.")


class SmppProvider(ConnectionPool[OutgoingMessage, Outcome, SmppSession]):
    """The Provider of base.py over SMPP.

    A message is handed over from the moment its submit_sm are given to the transport, all parts of it at once. What is
    in the window of a connection that breaks is UNCERTAIN; a connection has `window` of them at most.

    `tls_context` replaces the one made from the address (for a private certificate authority). Made inside or outside
    the event loop, used in one.
    """

    def __init__(self, address: SmppAddress, *, tls_context: ssl.SSLContext | None = None) -> None:
        queue = MessageQueue(_OFFERED_AT_MOST)
        super().__init__(queue, address.connections, address.timeout, _STOPPED)
        self.name = "smpp"
        self.capabilities = Capabilities(
            messages_per_call=_MESSAGES_PER_CALL, idempotent=False, answer_timeout_seconds=2 * address.timeout
        )
        self._address = address
        self._tls_context = tls_context
        self._barren = 0  # connections in a row that broke without one answered message

    @classmethod
    def from_url(cls, setting: str, url: str) -> "SmppProvider":
        """The provider for the value of a setting. Raises SetupError."""
        return cls(parse_smpp_url(setting, url))

    def __repr__(self) -> str:
        return f"SmppProvider({self._address.host}:{self._address.port})"

    async def send(self, messages: Sequence[OutgoingMessage], until: Until = NEVER) -> list[Outcome]:
        """See Provider.send. A cancelled call does not raise: it returns at once with what is known."""
        return await self._give(messages, until)

    # -- what sessions report

    def take(self) -> MessageSlot | None:
        """See SessionOwner."""
        return None if self.stopped else self._queue.take()

    def give_back(self, slot: MessageSlot, detail: str) -> None:
        """See SessionOwner."""
        if not self.stopped:
            self._queue.give_back(slot, detail)

    def is_closed(self, session: SmppSession) -> bool:
        """See SessionOwner."""
        return self._peek(session) == b""

    def session_progressed(self) -> None:
        """See SessionOwner."""
        self._barren = 0

    def session_lost(self, session: SmppSession) -> None:
        """See SessionOwner."""
        if session not in self._connections:
            return  # it was never bound
        self._forget(session)
        if not session.has_answered and session.quiet_since is None:
            self._barren += 1
        if self._barren > self._address.connections + _OFFERED_AT_MOST:
            # What it is given it leaves without an answer: the rest is not to be in doubt as well.
            self._barren = 0
            detail = "The SMSC takes messages and answers none of them."
            self._queue.drain(Outcome(OutcomeKind.UNSENT, code="connection", detail=detail))
        self._dispatch()

    def account_refused(self, outcome: Outcome) -> None:
        """See SessionOwner."""
        self._queue.drain(outcome)

    # -- the pool

    def _dispatch(self) -> None:
        """Let connections take what waits, and open more, up to the limit."""
        if self.stopped or self._loop is None:
            return
        for session in list(self._connections):
            session.start()
        self._open_more(len(self._queue))

    async def _open(self) -> None:
        """Open one connection and put it to work; where that fails and no other is there, all that waits is told."""
        address = self._address
        try:
            transport, session = await open_link(address, lambda: SmppSession(address, self), self._tls_context)
        except (OSError, ValueError, BindRefusedError) as error:
            self._put_off_opening()
            if self._last_opener():
                self._queue.drain(unreachable(address, error))
            return
        if self.stopped or session.is_over:
            self._open_failures = 0
            session.drop("aborted", "sending was stopped")
            return
        self._enlist(session, transport)
        session.start()

    def _not_opened(self, detail: str) -> Outcome:
        return Outcome(OutcomeKind.UNSENT, code="connection", detail=detail)

    def _check(self, session: SmppSession, now: float) -> None:
        session.check_time(now)
        if session.quiet_since is not None and now - session.quiet_since > _IDLE_SECONDS:
            session.unbind()

    def _drop(self, session: SmppSession) -> None:
        session.drop("aborted", "sending was stopped")

    def _take_leave(self) -> None:
        for call in list(self._calls):
            self._withdraw(call)
        for session in list(self._connections):
            session.unbind()
