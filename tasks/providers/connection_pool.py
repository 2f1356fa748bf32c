"""A pool of kept-open connections to one server, which all open calls share: what SMTP, SMPP and HTTP have in common.

Whoever opens a connection, what is said on it and when an item is handed over, the protocols know; here is how calls
wait and end, how many connections are opened and when, and how another thread stops all of it at once.
"""

import asyncio
import contextlib
import os
import socket
import threading
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, Generic, Protocol, TypeVar

from tasks.providers.open_calls import ItemT, OpenCall, ResultT, WaitingQueue
from tasks.providers.until import NEVER, Until

LONGEST_PAUSE = 30.0  # seconds
_CLOSE_SECONDS = 2.0


class Connection(Protocol[ItemT, ResultT]):
    """What the pool asks of a connection."""

    def withdraw(self, call: OpenCall[ItemT, ResultT], /) -> None:
        """Settle what is handed over of a call that is over, and not answered."""
        ...


ConnectionT = TypeVar("ConnectionT", bound=Connection[Any, Any])


def pause_after(failures: int) -> float:
    """Seconds before the next try to open a connection, after so many in a row that failed."""
    return min(LONGEST_PAUSE, 2.0 ** min(failures, 5))


class ConnectionPool(ABC, Generic[ItemT, ResultT, ConnectionT]):
    """Made inside or outside the event loop, used in one.

    `most`: connections at once. `timeout`: seconds for an answer; the clock is looked at four times in it, and at least
    once a second. `unsent`: what becomes of items that were not handed over when sending is stopped.
    """

    def __init__(self, queue: WaitingQueue[ItemT, ResultT], most: int, timeout: float, unsent: ResultT) -> None:
        self.stopped = False
        self._queue = queue
        self._most = most
        self._tick_seconds = min(1.0, timeout / 4)
        self._unsent = unsent
        self._calls: set[OpenCall[ItemT, ResultT]] = set()
        self._connections: set[ConnectionT] = set()
        self._openers: set[asyncio.Task[None]] = set()
        self._opening = 0  # openers that have not given up; the tasks themselves end a turn of the loop later
        self._open_not_before = 0.0
        self._open_failures = 0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ticker: asyncio.TimerHandle | None = None
        # Second handles of the sockets, so that another thread can shut them down even while the loop is stuck.
        self._sockets: dict[ConnectionT, socket.socket] = {}
        self._sockets_lock = threading.Lock()

    def abort(self) -> None:
        """See Provider.abort. Final: whatever is given afterwards comes back unsent."""
        self.stopped = True
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):  # the loop is closed, and the connections with it
                self._loop.call_soon_threadsafe(self._stop)
        with self._sockets_lock:
            for handle in self._sockets.values():
                with contextlib.suppress(OSError):  # closed by the other side already
                    handle.shutdown(socket.SHUT_RDWR)

    async def close(self) -> None:
        """Close all connections, politely where they are idle; calls that are still open end as if aborted."""
        self.stopped = True
        self._take_leave()
        self._stop()
        if self._openers:
            await asyncio.wait(self._openers, timeout=_CLOSE_SECONDS)
        # asyncio closes transports from callbacks; without a turn of the loop their sockets outlive it.
        await asyncio.sleep(0)

    # -- what the protocol says

    @abstractmethod
    def _dispatch(self) -> None:
        """Let connections take what waits, and open more."""

    @abstractmethod
    async def _open(self) -> None:
        """Open one connection, `_enlist` it and put it to work; where that fails and it is the `_last_opener`, tell
        all that waits."""

    @abstractmethod
    def _not_opened(self, detail: str) -> ResultT:
        """What becomes of all that waits when `_open` raises what nobody thought of."""

    @abstractmethod
    def _check(self, connection: ConnectionT, now: float) -> None:
        """Look at the clock (the loop's): is an answer late, was it idle for long?"""

    @abstractmethod
    def _drop(self, connection: ConnectionT) -> None:
        """Close at once: sending was stopped."""

    def _take_leave(self) -> None:
        """Say what a server likes to hear before its connections are closed."""

    # -- calls

    async def _give(self, items: Sequence[ItemT], until: Until = NEVER) -> list[ResultT]:
        """What became of each, in order. A cancelled call does not raise: it returns at once with what is known."""
        self._loop = asyncio.get_running_loop()
        call: OpenCall[ItemT, ResultT] = OpenCall(items, self._loop.create_future(), until)
        if self.stopped:
            call.settle_rest(self._unsent)
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

    def _withdraw(self, call: OpenCall[ItemT, ResultT]) -> None:
        """End a call: what is handed over is uncertain, the rest unsent. Does nothing to a finished one."""
        if call.over:
            return
        call.over = True
        for connection in list(self._connections):
            connection.withdraw(call)
        call.settle_rest(self._unsent)

    def _stop(self) -> None:
        """End all calls and connections, in the loop's thread."""
        for call in list(self._calls):
            self._withdraw(call)
        for connection in list(self._connections):
            self._drop(connection)
        for opener in self._openers:
            opener.cancel()
        if self._ticker is not None:
            self._ticker.cancel()
            self._ticker = None

    # -- connections

    def _open_more(self, wanted: int) -> None:
        """Open so many connections, up to the limit, if anything waits."""
        room = self._most - len(self._connections) - len(self._openers)
        if not self._queue or room <= 0 or self._loop is None:
            return
        if (self._connections or self._opening) and self._loop.time() < self._open_not_before:
            return  # the server has just refused one more connection; those that are there do the work
        for _ in range(min(room, wanted)):
            self._opening += 1
            opener = self._loop.create_task(self._open_counted())
            self._openers.add(opener)
            opener.add_done_callback(self._opened)

    async def _open_counted(self) -> None:
        try:
            await self._open()
        finally:
            self._opening -= 1

    def _opened(self, opener: asyncio.Task[None]) -> None:
        self._openers.discard(opener)
        if not opener.cancelled() and (error := opener.exception()) is not None:
            # Not one of the failures that opening is known to have: say so instead of letting calls wait for ever.
            self._queue.drain(self._not_opened(f"Opening a connection failed: {type(error).__name__}"))
        self._dispatch()

    def _put_off_opening(self) -> None:
        """A connection could not be opened."""
        self._open_failures += 1
        self._open_not_before = asyncio.get_running_loop().time() + pause_after(self._open_failures)

    def _last_opener(self) -> bool:
        """Whether the opener that asks is alone, and no connection is there: then it decides for all that waits."""
        return not self._connections and self._opening <= 1

    def _enlist(self, connection: ConnectionT, transport: asyncio.Transport) -> None:
        """A connection was opened."""
        self._open_failures = 0
        self._connections.add(connection)
        raw = transport.get_extra_info("socket")
        with self._sockets_lock:
            self._sockets[connection] = socket.socket(fileno=os.dup(raw.fileno()))

    def _forget(self, connection: ConnectionT) -> None:
        """A connection is gone."""
        self._connections.discard(connection)
        with self._sockets_lock:
            handle = self._sockets.pop(connection, None)
        if handle is not None:
            handle.close()

    def _peek(self, connection: ConnectionT) -> bytes | None:
        """What waits to be read: b"" where the end does, which the loop may not have come to; None for nothing."""
        handle = self._sockets.get(connection)
        if handle is None:
            return b""
        try:
            return handle.recv(1, socket.MSG_PEEK)
        except BlockingIOError:  # the socket does not wait
            return None
        except OSError:
            return b""

    def _tick(self) -> None:
        """One timer for all connections, while there are any."""
        if self._ticker is None and self._loop is not None and not self.stopped:
            self._ticker = self._loop.call_later(self._tick_seconds, self._look_at_clock)

    def _look_at_clock(self) -> None:
        self._ticker = None
        now = asyncio.get_running_loop().time()
        for connection in list(self._connections):
            self._check(connection, now)
        self._dispatch()
        if self._connections or self._openers or self._calls:
            self._tick()
