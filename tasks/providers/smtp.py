"""Email over SMTP: a pool of kept-open connections that all open `send` calls share."""

import asyncio
import contextlib
import os
import socket
import ssl
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from math import inf
from uuid import UUID

from tasks.providers.base import Capabilities, Outcome, OutcomeKind, OutgoingMessage
from tasks.providers.smtp_connection import SessionRefusedError, open_connection
from tasks.providers.smtp_queue import MessageQueue, OpenCall
from tasks.providers.smtp_session import SmtpSession
from tasks.providers.smtp_url import SmtpAddress, parse_smtp_url

_MESSAGES_PER_CALL = 500
_FRESH_TRIES = 3  # connections that a message is offered to beyond those that may all have gone stale together
_OPENING_PAUSES = (0.2, 1.0)  # seconds before the second and third try to reach a server
_LONGEST_PAUSE = 30.0
_IDLE_SECONDS = 60.0  # below what servers and address translators allow; RFC 5321 section 4.5.3.2.7 asks for 300
_QUIT_SECONDS = 2.0


class SmtpProvider:
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
        self.name = "smtp"
        self.capabilities = Capabilities(
            messages_per_call=_MESSAGES_PER_CALL, idempotent=False, answer_timeout_seconds=2 * address.timeout
        )
        self.stopped = False
        self._address = address
        self._tls_context = tls_context
        self._return_path = return_path
        self._queue = MessageQueue(address.connections + _FRESH_TRIES)
        self._calls: set[OpenCall] = set()
        self._sessions: set[SmtpSession] = set()
        self._idle: list[SmtpSession] = []
        self._openers: set[asyncio.Task[None]] = set()
        self._opening = 0  # openers that have not given up; the tasks themselves end a turn of the loop later
        self._open_not_before = 0.0
        self._open_failures = 0
        self._barren = 0  # connections in a row that broke without one answered message
        self._local_hostname: str | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ticker: asyncio.TimerHandle | None = None
        # Second handles of the sockets, so that another thread can shut them down even while the loop is stuck.
        self._sockets: dict[SmtpSession, socket.socket] = {}
        self._sockets_lock = threading.Lock()

    @classmethod
    def from_url(
        cls, url: str, setting: str = "EXOSEND_SMTP_URL", *, return_path: Callable[[UUID], str] | None = None
    ) -> "SmtpProvider":
        """The provider for the value of a setting. Raises SetupError."""
        return cls(parse_smtp_url(url, setting), return_path=return_path)

    def __repr__(self) -> str:
        return f"SmtpProvider({self._address.host}:{self._address.port})"

    async def send(self, messages: Sequence[OutgoingMessage], until: float = inf) -> list[Outcome]:
        """See Provider.send. A cancelled call does not raise: it returns at once with what is known."""
        self._loop = asyncio.get_running_loop()
        if self._return_path is not None:
            messages = [replace(message, sender=self._return_path(message.id)) for message in messages]
        call = OpenCall(messages, self._loop.create_future(), until)
        if self.stopped:
            call.settle_rest(_unsent())
        if call.missing:
            self._calls.add(call)
            self._queue.put(call)
            self._dispatch()
            self._tick()
            with contextlib.suppress(asyncio.CancelledError):
                await call.finished
            self._withdraw(call)
            self._calls.discard(call)
        return call.answer()

    def abort(self) -> None:
        """See Provider.abort. Final: whatever is given to `send` afterwards comes back UNSENT."""
        self.stopped = True
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):  # the loop is closed, and the connections with it
                self._loop.call_soon_threadsafe(self._stop)
        with self._sockets_lock:
            for handle in self._sockets.values():
                with contextlib.suppress(OSError):  # closed by the other side already
                    handle.shutdown(socket.SHUT_RDWR)

    async def close(self) -> None:
        """Say QUIT on idle connections; calls that are still open end as if aborted."""
        self.stopped = True
        for session in self._idle[:]:
            session.quit()
        self._stop()
        if self._openers:
            await asyncio.wait(self._openers, timeout=_QUIT_SECONDS)
        # asyncio closes transports from callbacks; without a turn of the loop their sockets outlive it.
        await asyncio.sleep(0)

    # -- what sessions report

    def session_idle(self, session: SmtpSession) -> None:
        """The session can take a message."""
        self._idle.append(session)

    def session_progressed(self) -> None:
        """A message was answered: the server works."""
        self._barren = 0

    def session_lost(self, session: SmtpSession) -> None:
        """Forget the session and let others go on with what waits."""
        self._sessions.discard(session)
        with contextlib.suppress(ValueError):
            self._idle.remove(session)
        with self._sockets_lock:
            handle = self._sockets.pop(session, None)
        if handle is not None:
            handle.close()
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
        room = self._address.connections - len(self._sessions) - len(self._openers)
        if not self._queue or room <= 0 or self._loop is None:
            return
        if (self._sessions or self._opening) and self._loop.time() < self._open_not_before:
            return  # the server has just refused one more connection; those that are there do the work
        for _ in range(min(room, len(self._queue) - len(self._openers))):
            self._opening += 1
            opener = self._loop.create_task(self._open())
            self._openers.add(opener)
            opener.add_done_callback(self._opened)

    def _opened(self, opener: asyncio.Task[None]) -> None:
        self._openers.discard(opener)
        if not opener.cancelled() and (error := opener.exception()) is not None:
            # Not one of the failures that opening is known to have: say so instead of letting calls wait for ever.
            self._queue.drain(_unsent(f"Opening a connection failed: {type(error).__name__}"))
        self._dispatch()

    async def _open(self) -> None:
        """Open one connection and put it to work. Where that fails and no other connection is there, all that
        waits comes back UNSENT."""
        try:
            for pause in (*_OPENING_PAUSES, None):
                try:
                    await self._open_once()
                except SessionRefusedError as refused:
                    self._put_off_opening()
                    if self._sessions or self._opening > 1:
                        return  # a server may allow fewer connections than we would open; the last opener decides
                    if pause is None or not refused.worth_retrying:
                        self._queue.drain(refused.outcome)
                        return
                    await asyncio.sleep(pause)
                    if not self._queue:
                        return
                else:
                    return
        finally:
            self._opening -= 1

    def _put_off_opening(self) -> None:
        self._open_failures += 1
        wait = min(_LONGEST_PAUSE, 2.0 ** min(self._open_failures, 5))
        self._open_not_before = asyncio.get_running_loop().time() + wait

    async def _open_once(self) -> None:
        if self._local_hostname is None:
            self._local_hostname = await asyncio.to_thread(_own_name)
        opened = await open_connection(self._address, self._local_hostname, self._tls_context, _LONGEST_PAUSE)
        if self.stopped:
            opened.transport.abort()
            return
        session = SmtpSession(opened.transport, opened.offer, self._queue, self, self._address.timeout)
        opened.transport.set_protocol(session)
        self._sessions.add(session)
        raw = opened.transport.get_extra_info("socket")
        with self._sockets_lock:
            self._sockets[session] = socket.socket(fileno=os.dup(raw.fileno()))
        self._open_failures = 0
        session.start()

    def _withdraw(self, call: OpenCall) -> None:
        """End a call: what is handed over is uncertain, the rest unsent. Does nothing to a finished one."""
        if call.over:
            return
        call.over = True
        for session in self._sessions:
            session.withdraw(call)
        call.settle_rest(_unsent())

    def _stop(self) -> None:
        """End all calls and connections, in the loop's thread."""
        for call in list(self._calls):
            self._withdraw(call)
        for session in list(self._sessions):
            session.drop("sending was stopped")
        for opener in self._openers:
            opener.cancel()
        if self._ticker is not None:
            self._ticker.cancel()
            self._ticker = None

    def _tick(self) -> None:
        """One timer for all connections, while there are any: late replies, connections idle for long."""
        if self._ticker is None and self._loop is not None and not self.stopped:
            self._ticker = self._loop.call_later(min(1.0, self._address.timeout / 4), self._look_at_clock)

    def _look_at_clock(self) -> None:
        self._ticker = None
        now = asyncio.get_running_loop().time()
        for session in list(self._sessions):
            session.check_time()
            if session.idle_since is not None and now - session.idle_since > _IDLE_SECONDS:
                session.quit()
        self._dispatch()
        if self._sessions or self._openers or self._calls:
            self._tick()


def _unsent(detail: str = "Sending was stopped.") -> Outcome:
    return Outcome(OutcomeKind.UNSENT, code="aborted", detail=detail)


def _own_name() -> str:
    """This machine's name for EHLO, or its address as a literal (RFC 5321 section 4.1.4)."""
    name = socket.getfqdn()
    return name if name.isascii() and "." in name else "[127.0.0.1]"
