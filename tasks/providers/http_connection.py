"""One kept-open HTTP/1.1 connection (RFC 9112): a request is written, its answer is read, then the next.

h11 reads and writes the protocol; when a request counts as handed over is decided here. Nothing is pipelined.
"""

import asyncio
from typing import Protocol, cast

import h11

from tasks.providers.http_exchange import (
    ABORTED,
    CONNECTION,
    CONTENT,
    PROTOCOL,
    TIMEOUT,
    Answer,
    Request,
    RequestCall,
    RequestSlot,
    Result,
    Unanswered,
    Unwritten,
)

# Written at once up to here. A longer one is written but for its last byte, which waits until the system has taken the
# rest: a break before that is certain, since a server cannot act on what is shorter than it was announced.
_AT_ONCE_BYTES = 64 * 1024
_MOST_ANSWER_BYTES = 1024 * 1024
_MOST_KEPT_OPEN = 20.0  # seconds without work: below the idle time-outs of common servers and load balancers


class Pool(Protocol):
    """What a connection needs of the client that it belongs to."""

    def take(self) -> RequestSlot | None:
        """The next request."""
        ...

    def give_back(self, slot: RequestSlot, detail: str) -> None:
        """It was not written whole."""
        ...

    def settle(self, slot: RequestSlot, result: Result) -> None:
        """What became of it."""
        ...

    def connection_idle(self, connection: "HttpConnection") -> None:
        """It can take a request."""
        ...

    def connection_lost(self, connection: "HttpConnection") -> None:
        """It is gone."""
        ...


class HttpConnection(asyncio.Protocol):
    """See the module. `headers` go out with every request, `Host` among them; `timeout` is in seconds, from when a
    request is begun to its whole answer."""

    def __init__(self, pool: Pool, headers: tuple[tuple[str, str], ...], timeout: float) -> None:
        self._pool = pool
        self._headers = headers
        self._timeout = timeout
        self._loop = asyncio.get_running_loop()
        self._http = h11.Connection(h11.CLIENT)
        self._transport: asyncio.Transport | None = None
        self._slot: RequestSlot | None = None
        self._begun_at = 0.0
        self._last_byte = b""  # of a long request that is on its way
        self._status = 0
        self._answer_headers: dict[str, str] = {}
        self._body: list[bytes] = []
        self._body_bytes = 0
        self._is_over = False
        self.idle_until: float | None = None  # of the loop's clock; None while it has work

    # -- what the transport calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Nothing is written yet: the client says when."""
        self._transport = cast(asyncio.Transport, transport)  # uvloop's are asyncio.Transport in all but name

    def data_received(self, data: bytes) -> None:
        """Read an answer. What comes unasked ends the connection: it would be taken for the next one's answer."""
        if self._slot is None:
            self.drop(CONNECTION, "It spoke out of turn.")
            return
        self._read(data)

    def eof_received(self) -> None:
        """The end of an answer that has no length."""
        if self._slot is not None:
            self._read(b"")

    def connection_lost(self, exc: Exception | None) -> None:
        """What was on its way has no answer."""
        del exc
        self._end(CONNECTION, "The connection broke before the answer.")

    def pause_writing(self) -> None:
        """See `resume_writing`."""

    def resume_writing(self) -> None:
        """The system has taken all that was written."""
        if self._last_byte and self._transport is not None and self._transport.get_write_buffer_size() == 0:
            last, self._last_byte = self._last_byte, b""
            self._transport.write(last)

    # -- what the client calls

    def start(self) -> None:
        """Write the next request, if there is one."""
        if self._is_over or self._transport is None:
            return
        now = self._loop.time()
        if self.idle_until is not None and now > self.idle_until:
            self.drop(CONNECTION, "It was idle.")
            return
        slot = self._pool.take()
        if slot is None:
            self.idle_until = self.idle_until or now + _MOST_KEPT_OPEN
            self._pool.connection_idle(self)
            return
        self.idle_until = None
        self._slot = slot
        self._begun_at = now
        self._status, self._body, self._body_bytes = 0, [], 0
        try:
            self._write(slot[0].items[slot[1]])
        except (h11.LocalProtocolError, ValueError) as error:  # a line end in a header, a target that is not ASCII
            self._slot = None
            self._pool.settle(slot, Unwritten(CONTENT, f"The request cannot be written: {error}"))
            self.drop(CONTENT, "It was not used.")

    def withdraw(self, call: RequestCall) -> None:
        """The call is over: what is out of it is not waited for, and its answer would be nobody's."""
        if self._slot is not None and self._slot[0] is call:
            self.drop(ABORTED, "Sending was stopped.")

    def check_time(self, now: float) -> None:
        """Give up what takes too long; close what had no work for long."""
        if self._slot is not None and now - self._begun_at > self._timeout:
            self.drop(TIMEOUT, f"No answer within {self._timeout:g} seconds.")
        elif self.idle_until is not None and now > self.idle_until:
            self.drop(CONNECTION, "It was idle.")

    def drop(self, code: str, detail: str) -> None:
        """Close at once."""
        self._end(code, detail)

    # -- writing

    def _write(self, request: Request) -> None:
        assert self._transport is not None
        headers = [*self._headers, *request.headers, ("Content-Length", str(len(request.body)))]
        head = self._http.send(h11.Request(method="POST", target=request.target, headers=headers))
        self._http.send(h11.Data(data=request.body))
        self._http.send(h11.EndOfMessage())
        assert head is not None
        whole = head + request.body
        if len(whole) <= _AT_ONCE_BYTES:
            self._transport.write(whole)
            return
        self._transport.set_write_buffer_limits(high=0)
        self._last_byte = whole[-1:]
        self._transport.write(memoryview(whole)[:-1])
        self.resume_writing()

    # -- reading

    def _read(self, data: bytes) -> None:
        try:
            self._http.receive_data(data)
            while self._slot is not None and self._take_event(self._http.next_event()):
                pass
        except h11.RemoteProtocolError:
            broke = not data  # the connection ended in the middle of an answer
            self.drop(*((CONNECTION, "It ended within the answer.") if broke else (PROTOCOL, "It is not HTTP.")))

    def _take_event(self, event: object) -> bool:
        """Returns whether there may be more."""
        match event:
            case h11.Response():
                self._status = event.status_code
                self._answer_headers = {name.decode("ascii"): value.decode("latin-1") for name, value in event.headers}
            case h11.Data():
                self._body_bytes += len(event.data)
                if self._body_bytes > _MOST_ANSWER_BYTES:
                    self.drop(PROTOCOL, "The answer is too long.")
                    return False
                self._body.append(bytes(event.data))
            case h11.EndOfMessage():
                self._answered()
                return False
            case h11.InformationalResponse():
                pass
            case _:  # NEED_DATA, PAUSED, ConnectionClosed
                return False
        return True

    def _answered(self) -> None:
        assert self._slot is not None
        slot, self._slot = self._slot, None
        answer = Answer(self._status, self._answer_headers, b"".join(self._body))
        # After more than an answer, or in the middle of a request, nobody knows what the next bytes belong to.
        is_reusable = (
            not self._last_byte
            and self._http.our_state is h11.DONE
            and self._http.their_state is h11.DONE
            and self._http.trailing_data == (b"", False)  # nothing more, and not the end
        )
        self._pool.settle(slot, answer)
        if not is_reusable:
            self.drop(CONNECTION, "It is not kept open.")
            return
        self._http.start_next_cycle()
        self.idle_until = self._loop.time() + kept_open_seconds(self._answer_headers.get("keep-alive", ""))
        self.start()

    def _end(self, code: str, detail: str) -> None:
        """Once: settle what is on its way, and be forgotten."""
        if self._is_over:
            return
        self._is_over = True
        if self._transport is not None:
            self._transport.abort()
        slot, self._slot = self._slot, None
        if slot is not None:
            if self._last_byte:
                self._pool.give_back(slot, detail)
            else:
                self._pool.settle(slot, Unanswered(code, detail))
        self._pool.connection_lost(self)


def kept_open_seconds(header: str) -> float:
    """Seconds that a connection may wait for work, by the server's Keep-Alive header, `timeout=5, max=100`."""
    for part in header.split(","):
        name, _, value = part.strip().partition("=")
        if name.lower() == "timeout" and value.isascii() and value.isdigit():
            return min(_MOST_KEPT_OPEN, max(0.0, int(value[:6]) - 1.0))
    return _MOST_KEPT_OPEN
