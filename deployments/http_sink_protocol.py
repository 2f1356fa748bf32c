"""One connection to the HTTP sink: requests of a provider's API are answered as it documents, and nothing is sent."""

import asyncio
import socket
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import Protocol, cast

from deployments.sink_faults import ACCEPTING, Action, Fault, FaultScript, Step
from deployments.sink_log import AcceptLog

_MOST_BYTES = 64 * 1024 * 1024
_GARBAGE = b"\x15\x03\x01 this is not HTTP\r\n\r\n"
_REASONS = {200: "OK", 201: "Created", 202: "Accepted", 400: "Bad Request", 401: "Unauthorized", 404: "Not Found"}

Headers = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Taken:
    """A request that the API accepts: for whom, and what it answers. `keep` is called when it really is accepted. One
    that `is_repeated` was accepted before: it gets its answer, and nobody gets anything."""

    recipients: list[str]
    answer: bytes
    status: int = 200
    headers: Headers = ()
    keep: Callable[[], None] | None = None
    is_repeated: bool = False


@dataclass(frozen=True, slots=True)
class Refused:
    """A request that it does not accept."""

    status: int
    answer: bytes
    headers: Headers = ()


@dataclass(frozen=True, slots=True)
class Answered:
    """A request that is about no message."""

    status: int
    answer: bytes
    headers: Headers = ()


class Api(Protocol):
    """One provider's API, as its documentation says."""

    def handle(self, target: str, headers: Mapping[str, str], body: bytes) -> Taken | Refused:
        """Look at a whole POST; names of headers are in lower case."""
        ...

    def manage(self, method: str, target: str, headers: Mapping[str, str], body: bytes) -> Answered | None:
        """Answer a request about the account or its domains; None for any other, which sends."""
        ...

    def error(self, status: int, text: str) -> bytes:
        """The body of an error."""
        ...


@dataclass
class HttpSinkState:
    """What all connections share."""

    api: Api
    log: AcceptLog
    script: FaultScript
    delay_seconds: float = 0.0
    numbers: "count[int]" = field(default_factory=lambda: count(1))
    connections: "set[HttpSinkConnection]" = field(default_factory=set)


class HttpSinkConnection(asyncio.Protocol):
    """Reads requests one after another, HTTP/1.1 with Content-Length."""

    def __init__(self, state: HttpSinkState) -> None:
        self._state = state
        self._number = next(state.numbers)
        self._transport: asyncio.Transport | None = None
        self._buffer = bytearray()
        self._head: tuple[str, str, dict[str, str]] | None = None
        self._is_deaf = False
        self._accepted = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A rule may end it at once."""
        self._transport = cast(asyncio.Transport, transport)  # uvloop's are asyncio.Transport in all but name
        self._state.connections.add(self)
        if fault := self._state.script.at(Step.CONNECT, [], 0):
            self._follow(fault)

    def connection_lost(self, _exc: Exception | None) -> None:
        """Forget it."""
        self._state.connections.discard(self)
        self._transport = None

    def data_received(self, data: bytes) -> None:
        """Take what came and go on."""
        self._buffer += data
        while not self._is_deaf and self._transport is not None and self._request():
            pass

    def close(self) -> None:
        """Close without a word."""
        if self._transport is not None:
            self._transport.abort()

    def _request(self) -> bool:
        """Read one request and answer it; False when it is not all there."""
        if self._head is None:
            end = self._buffer.find(b"\r\n\r\n")
            if end < 0:
                return False
            self._head = _head(bytes(self._buffer[:end]))
            del self._buffer[: end + 4]
            if fault := self._state.script.at(Step.DATA, [], self._accepted):
                self._follow(fault)
                return False
        method, target, headers = self._head
        length = int(headers.get("content-length", "0"))
        if length > _MOST_BYTES:
            self._refuse(413, "Too large")
            return False
        if len(self._buffer) < length:
            return False
        body = bytes(self._buffer[:length])
        del self._buffer[:length]
        self._head = None
        self._answer(method, target, headers, body)
        return True

    def _answer(self, method: str, target: str, headers: Mapping[str, str], body: bytes) -> None:
        if (answered := self._state.api.manage(method, target, headers, body)) is not None:
            self._write(answered.status, answered.answer, answered.headers)
            return
        found = self._state.api.handle(target, headers, body)
        if isinstance(found, Refused):
            self._write(found.status, found.answer, found.headers)
            return
        fault = self._state.script.at(Step.FINAL, found.recipients, self._accepted)
        if not found.is_repeated and (fault is None or fault.action in ACCEPTING):
            self._accepted += 1
            is_half = fault is not None and fault.action is Action.ACCEPT_HALF
            taken = found.recipients[: len(found.recipients) // 2] if is_half else found.recipients
            self._state.log.write(taken, "", len(body), self._number)
            if found.keep is not None:
                found.keep()
        if fault is not None and fault.action is not Action.SLOW:
            self._follow(fault)
            return
        delay = self._state.delay_seconds if fault is None else fault.seconds
        if delay:
            asyncio.get_running_loop().call_later(delay, self._write, found.status, found.answer, found.headers)
        else:
            self._write(found.status, found.answer, found.headers)

    def _follow(self, fault: Fault) -> None:
        if fault.action is Action.REPLY:
            status, text = int(fault.reply[:3]), fault.reply[4:]
            more = (("Retry-After", f"{fault.seconds:.0f}"),) if status in (429, 503) else ()
            self._write(status, self._state.api.error(status, text), more)
        elif fault.action in {Action.GARBAGE, Action.ACCEPT_GARBAGE} and self._transport is not None:
            self._transport.write(_GARBAGE)
        elif fault.action in {Action.RESET, Action.ACCEPT_RESET}:
            self._reset()
        elif fault.action in {Action.HANG, Action.ACCEPT_HANG}:
            self._is_deaf = True
        else:
            self._is_deaf = True
            if self._transport is not None:
                self._transport.close()

    def _refuse(self, status: int, text: str) -> None:
        self._write(status, self._state.api.error(status, text))
        self._is_deaf = True
        if self._transport is not None:
            self._transport.close()

    def _write(self, status: int, body: bytes, headers: Headers = ()) -> None:
        if self._transport is not None:
            reason = _REASONS.get(status, "Error")
            more = "".join(f"{name}: {value}\r\n" for name, value in headers)
            lines = f"HTTP/1.1 {status} {reason}\r\nContent-Type: application/json\r\n{more}"
            head = f"{lines}Content-Length: {len(body)}\r\n\r\n"
            self._transport.write(head.encode("ascii") + body)

    def _reset(self) -> None:
        self._is_deaf = True
        if self._transport is not None:
            # With a linger of nothing the kernel throws away what is unsent, and sends RST for FIN.
            connected = self._transport.get_extra_info("socket")
            connected.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self._transport.abort()


def _head(head: bytes) -> tuple[str, str, dict[str, str]]:
    first, *lines = head.decode("latin-1").split("\r\n")
    pairs = (line.partition(":") for line in lines)
    method, target, _ = first.split(" ")
    return method, target, {name.lower(): value.strip() for name, _, value in pairs}
