"""Email over SMTP: a pool of kept-open connections that all open `send` calls share."""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Callable, Sequence
from uuid import UUID

from tasks.providers.base import Capabilities, Outcome, OutcomeKind, OutgoingMessage
from tasks.providers.connection_pool import LONGEST_PAUSE, ConnectionPool
from tasks.providers.smtp_connection import SessionRefusedError, open_connection
from tasks.providers.smtp_queue import SmtpQueue
from tasks.providers.smtp_session import SmtpSession
from tasks.providers.smtp_url import SmtpAddress, parse_smtp_url
from tasks.providers.until import NEVER, Until

_MESSAGES_PER_CALL = 500
_FRESH_TRIES = 3  # connections that a message is offered to beyond those that may all have gone stale together
_OPENING_PAUSES = (0.2, 1.0)  # seconds before the second and third try to reach a server
_IDLE_SECONDS = 60.0  # below what servers and address translators allow; RFC 5321 section 4.5.3.2.7 asks for 300


class SmtpProvider(ConnectionPool[OutgoingMessage, Outcome, SmtpSession]):
    """The Provider of base.py over SMTP.

    A message is handed over from the moment its final dot is given to the transport: until then a broken
    connection costs nothing (the message goes to another one, a bounded number of times, then it is DEFERRED with
    code "connection"), from then on an unanswered message is UNCERTAIN. Replies: 2xx ACCEPTED, 5xx REJECTED, 4xx
    DEFERRED, with the enhanced status or reply code as `code` and the queue id, where the reply tells it, as
    `provider_ref`. If no session can be opened (server away, TLS or AUTH refused), all that waits is UNSENT with
    `retry_after_seconds`. A message that the server has too long to answer an envelope for is DEFERRED "timeout".

    `tls_context` replaces the one made from the address (for a private certificate authority). `return_path` gives each
    message, by its id, an envelope sender in place of its own. Made inside or
    outside the event loop, used in one.
    """

    def __init__(
        self,
        address: SmtpAddress,
        *,
        tls_context: ssl.SSLContext | None = None,
        return_path: Callable[[UUID], str] | None = None,
    ) -> None:
        self._waiting = SmtpQueue(address.connections + _FRESH_TRIES)
        super().__init__(self._waiting, address.connections, address.timeout, _unsent())
        self.name = "smtp"
        self.capabilities = Capabilities(
            messages_per_call=_MESSAGES_PER_CALL, idempotent=False, answer_timeout_seconds=2 * address.timeout
        )
        self._address = address
        self._tls_context = tls_context
        self._return_path = return_path
        self._idle: list[SmtpSession] = []
        self._barren = 0  # connections in a row that broke without one answered message
        self._local_hostname: str | None = None

    @classmethod
    def from_url(
        cls, url: str, setting: str = "EXOSEND_SMTP_URL", *, return_path: Callable[[UUID], str] | None = None
    ) -> "SmtpProvider":
        """The provider for the value of a setting. Raises SetupError."""
        return cls(parse_smtp_url(url, setting), return_path=return_path)

    def __repr__(self) -> str:
        return f"SmtpProvider({self._address.host}:{self._address.port})"

    async def send(self, messages: Sequence[OutgoingMessage], until: Until = NEVER) -> list[Outcome]:
        """See Provider.send. A cancelled call does not raise: it returns at once with what is known."""
        if self._return_path is not None:
            messages = [message._replace(sender=self._return_path(message.id)) for message in messages]
        return await self._give(messages, until)

    # -- what sessions report

    def session_idle(self, session: SmtpSession) -> None:
        """The session can take a message."""
        self._idle.append(session)

    def session_progressed(self) -> None:
        """A message was answered: the server works."""
        self._barren = 0

    def session_lost(self, session: SmtpSession) -> None:
        """Forget the session and let others go on with what waits."""
        self._forget(session)
        with contextlib.suppress(ValueError):
            self._idle.remove(session)
        if session.answered == 0:
            self._barren += 1
        if self._barren > 2 * self._address.connections + _FRESH_TRIES:
            # A server that takes connections and drops them all would be tried 11 times for every message.
            detail = "The mail server takes connections and closes them without taking a message."
            self._barren = 0
            self._queue.drain(Outcome(OutcomeKind.DEFERRED, code="connection", detail=detail))
        self._dispatch()

    def account_refused(self, outcome: Outcome) -> None:
        """The server wants another login: nothing that waits can go out."""
        self._queue.drain(outcome)

    # -- the pool

    def _dispatch(self) -> None:
        """Give waiting messages to idle connections and open more, up to the limit."""
        if self.stopped:
            return
        while self._queue and self._idle:
            self._idle.pop().start()
        self._open_more(len(self._queue) - len(self._openers))

    async def _open(self) -> None:
        """Open one connection and put it to work. Where that fails and no other connection is there, all that
        waits comes back UNSENT."""
        for pause in (*_OPENING_PAUSES, None):
            try:
                await self._open_once()
            except SessionRefusedError as refused:
                self._put_off_opening()
                if not self._last_opener():
                    return  # a server may allow fewer connections than we would open; the last opener decides
                if pause is None or not refused.worth_retrying:
                    self._queue.drain(refused.outcome)
                    return
                await asyncio.sleep(pause)
                if not self._queue:
                    return
            else:
                return

    async def _open_once(self) -> None:
        if self._local_hostname is None:
            self._local_hostname = await asyncio.to_thread(_own_name)
        opened = await open_connection(self._address, self._local_hostname, self._tls_context, LONGEST_PAUSE)
        if self.stopped:
            opened.transport.abort()
            return
        session = SmtpSession(opened.transport, opened.offer, self._waiting, self, self._address.timeout)
        opened.transport.set_protocol(session)
        self._enlist(session, opened.transport)
        session.start()

    def _not_opened(self, detail: str) -> Outcome:
        return _unsent(detail)

    def _check(self, session: SmtpSession, now: float) -> None:
        session.check_time()
        if session.idle_since is not None and now - session.idle_since > _IDLE_SECONDS:
            session.quit()

    def _drop(self, session: SmtpSession) -> None:
        session.drop("sending was stopped")

    def _take_leave(self) -> None:
        for session in self._idle[:]:
            session.quit()


def _unsent(detail: str = "Sending was stopped.") -> Outcome:
    return Outcome(OutcomeKind.UNSENT, code="aborted", detail=detail)


def _own_name() -> str:
    """This machine's name for EHLO, or its address as a literal (RFC 5321 section 4.1.4)."""
    name = socket.getfqdn()
    return name if name.isascii() and "." in name else "[127.0.0.1]"
