"""SMS over SMPP 3.4: a few bound connections that all open `send` calls share."""

import asyncio
import contextlib
import os
import socket
import ssl
import threading
from collections.abc import Sequence
from math import inf
from time import monotonic

from tasks.providers.base import LATE, Capabilities, Outcome, OutcomeKind, OutgoingMessage
from tasks.providers.smpp_link import BindRefusedError
from tasks.providers.smpp_opening import open_link, pause_after, unreachable
from tasks.providers.smpp_session import SmppSession
from tasks.providers.smpp_url import SmppAddress, parse_smpp_url
from tasks.providers.smtp_queue import MessageQueue, OpenCall, Slot

_MESSAGES_PER_CALL = 500
_OFFERED_AT_MOST = 3  # times, where connections break before a message is handed over
_IDLE_SECONDS = 60.0
_CLOSE_SECONDS = 2.0
_STOPPED = Outcome(OutcomeKind.UNSENT, code="aborted", detail="Sending was stopped.")


class SmppProvider:
    """The Provider of base.py over SMPP.

    A message is handed over from the moment its submit_sm are given to the transport, all parts of it at once. What is
    in the window of a connection that breaks is UNCERTAIN; a connection has `window` of them at most.

    `tls_context` replaces the one made from the address (for a private certificate authority). Made inside or outside
    the event loop, used in one.
    """

    def __init__(self, address: SmppAddress, *, tls_context: ssl.SSLContext | None = None) -> None:
        self.name = "smpp"
        self.capabilities = Capabilities(
            messages_per_call=_MESSAGES_PER_CALL, idempotent=False, answer_timeout_seconds=2 * address.timeout
        )
        self.stopped = False
        self._address = address
        self._tls_context = tls_context
        self._queue = SmppQueue(_OFFERED_AT_MOST)
        self._calls: set[OpenCall] = set()
        self._sessions: set[SmppSession] = set()
        self._openers: set[asyncio.Task[None]] = set()
        self._open_not_before = 0.0
        self._open_failures = 0
        self._barren = 0  # connections in a row that broke without one answered message
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ticker: asyncio.TimerHandle | None = None
        # Second handles of the sockets, so that another thread can shut them down even while the loop is stuck.
        self._sockets: dict[SmppSession, socket.socket] = {}
        self._sockets_lock = threading.Lock()

    @classmethod
    def from_url(cls, setting: str, url: str) -> "SmppProvider":
        """The provider for the value of a setting. Raises SetupError."""
        return cls(parse_smpp_url(setting, url))

    def __repr__(self) -> str:
        return f"SmppProvider({self._address.host}:{self._address.port})"

    async def send(self, messages: Sequence[OutgoingMessage], until: float = inf) -> list[Outcome]:
        """See Provider.send. A cancelled call does not raise: it returns at once with what is known."""
        self._loop = asyncio.get_running_loop()
        call = OpenCall(messages, self._loop.create_future(), until)
        if self.stopped:
            call.settle_rest(_STOPPED)
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
        """See Provider.abort."""
        self.stopped = True
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):  # the loop is closed, and the connections with it
                self._loop.call_soon_threadsafe(self._stop)
        with self._sockets_lock:
            for handle in self._sockets.values():
                with contextlib.suppress(OSError):  # closed by the other side already
                    handle.shutdown(socket.SHUT_RDWR)

    async def close(self) -> None:
        """Unbind; calls that are still open end as if aborted."""
        self.stopped = True
        for call in list(self._calls):
            self._withdraw(call)
        for session in list(self._sessions):
            session.unbind()
        self._stop()
        if self._openers:
            await asyncio.wait(self._openers, timeout=_CLOSE_SECONDS)
        # asyncio closes transports from callbacks; without a turn of the loop their sockets outlive it.
        await asyncio.sleep(0)

    # -- what sessions report

    def take(self) -> Slot | None:
        """See SessionOwner."""
        return None if self.stopped else self._queue.take_next()

    def give_back(self, slot: Slot, detail: str) -> None:
        """See SessionOwner."""
        if not self.stopped:
            self._queue.give_back(slot, detail)

    def is_closed(self, session: SmppSession) -> bool:
        """See SessionOwner."""
        handle = self._sockets.get(session)
        if handle is None:
            return True
        try:
            return handle.recv(1, socket.MSG_PEEK) == b""
        except BlockingIOError:  # the socket does not wait
            return False
        except OSError:
            return True

    def session_progressed(self) -> None:
        """See SessionOwner."""
        self._barren = 0

    def session_lost(self, session: SmppSession) -> None:
        """See SessionOwner."""
        self._sessions.discard(session)
        with self._sockets_lock:
            handle = self._sockets.pop(session, None)
        if handle is None:
            return  # it was never bound
        handle.close()
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
        for session in list(self._sessions):
            session.start()
        room = self._address.connections - len(self._sessions) - len(self._openers)
        if not self._queue or room <= 0:
            return
        if (self._sessions or self._openers) and self._loop.time() < self._open_not_before:
            return  # the SMSC has just refused one more connection; those that are there do the work
        for _ in range(min(room, len(self._queue))):
            opener = self._loop.create_task(self._open())
            self._openers.add(opener)
            opener.add_done_callback(self._opened)

    def _opened(self, opener: asyncio.Task[None]) -> None:
        self._openers.discard(opener)
        if not opener.cancelled() and (error := opener.exception()) is not None:
            # Not one of the failures that opening is known to have: say so instead of letting calls wait for ever.
            detail = f"Opening a connection failed: {type(error).__name__}"
            self._queue.drain(Outcome(OutcomeKind.UNSENT, code="connection", detail=detail))
        self._dispatch()

    async def _open(self) -> None:
        """Open one connection and put it to work; where that fails and no other is there, all that waits is told."""
        address, loop = self._address, asyncio.get_running_loop()
        try:
            transport, session = await open_link(address, lambda: SmppSession(address, self), self._tls_context)
        except (OSError, ValueError, BindRefusedError) as error:
            self._open_failures += 1
            self._open_not_before = loop.time() + pause_after(self._open_failures)
            if not self._sessions and len(self._openers) <= 1:
                self._queue.drain(unreachable(address, error))
            return
        self._open_failures = 0
        if self.stopped or session.is_over:
            session.drop("aborted", "sending was stopped")
            return
        raw = transport.get_extra_info("socket")
        with self._sockets_lock:
            self._sockets[session] = socket.socket(fileno=os.dup(raw.fileno()))
        self._sessions.add(session)
        session.start()

    def _withdraw(self, call: OpenCall) -> None:
        """End a call: what is handed over is uncertain, the rest unsent. Does nothing to a finished one."""
        if call.over:
            return
        call.over = True
        for session in list(self._sessions):
            session.withdraw(call)
        call.settle_rest(_STOPPED)

    def _stop(self) -> None:
        """End all calls and connections, in the loop's thread."""
        for call in list(self._calls):
            self._withdraw(call)
        for session in list(self._sessions):
            session.drop("aborted", "sending was stopped")
        for opener in self._openers:
            opener.cancel()
        if self._ticker is not None:
            self._ticker.cancel()
            self._ticker = None

    def _tick(self) -> None:
        """One timer for all connections, while there are any."""
        if self._ticker is None and self._loop is not None and not self.stopped:
            self._ticker = self._loop.call_later(min(1.0, self._address.timeout / 4), self._look_at_clock)

    def _look_at_clock(self) -> None:
        self._ticker = None
        now = asyncio.get_running_loop().time()
        for session in list(self._sessions):
            session.check_time(now)
            if session.quiet_since is not None and now - session.quiet_since > _IDLE_SECONDS:
                session.unbind()
        self._dispatch()
        if self._sessions or self._openers or self._calls:
            self._tick()


class SmppQueue(MessageQueue):
    """The messages that wait for a connection."""

    def take_next(self) -> Slot | None:
        """The next message that may go out. What is late by now is settled on the way."""
        while self._slots:
            call, index = slot = self._slots.popleft()
            if call.over:
                continue
            if call.until != inf and monotonic() > call.until:
                call.settle(index, Outcome(OutcomeKind.UNSENT, code=LATE, detail="Its turn did not come in time."))
                continue
            return slot
        return None
