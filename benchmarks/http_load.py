"""A client that is not the bottleneck: prepared requests over kept connections, one at a time on each.

`python -m benchmarks.http_load` reads what to do as JSON from stdin and writes what it measured as JSON to stdout, so
that it is in a process of its own: {"address": [host, port], "connections": 32, "requests": [text, …]}.
"""

import json
import selectors
import socket
import subprocess
import sys
import time
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass, field

_TIMEOUT_SECONDS = 60.0
_LONGEST_SECONDS = 900.0
_BLOCK = 1 << 16
_LENGTH = b"content-length:"


@dataclass(frozen=True, slots=True)
class Load:
    """What was measured: seconds from the first request to the last answer, of one request, and the statuses."""

    seconds: float
    p50_ms: float
    p99_ms: float
    statuses: dict[int, int]


@dataclass(slots=True)
class _Connection:
    socket: socket.socket
    began: float = 0.0
    received: bytearray = field(default_factory=bytearray)

    def send(self, request: bytes) -> None:
        self.received.clear()
        self.began = time.perf_counter()
        self.socket.sendall(request)

    def status(self) -> int | None:
        """Read what is there; the status if the answer is whole."""
        block = self.socket.recv(_BLOCK)
        if not block:
            raise ConnectionError("The server closed the connection.")
        self.received += block
        end = self.received.find(b"\r\n\r\n")
        if end < 0:
            return None
        head = bytes(self.received[:end]).lower()
        length = int(head.partition(_LENGTH)[2].split(b"\r\n", 1)[0] or 0)
        return int(head[9:12]) if len(self.received) >= end + 4 + length else None


def request_bytes(method: str, path: str, token: str | None, body: object = None) -> str:
    """An HTTP/1.1 request as text."""
    content = "" if body is None else json.dumps(body)
    lines = [f"{method} {path} HTTP/1.1", "Host: benchmark", f"Content-Length: {len(content)}"]
    lines += [f"Authorization: Bearer {token}"] if token else []
    return "\r\n".join([*lines, "Content-Type: application/json", "", content])


def measure_load(address: tuple[str, int], connections: int, requests: Sequence[str]) -> Load:
    """Send the requests from a process of its own. Raises CalledProcessError when a connection breaks."""
    order = {"address": address, "connections": connections, "requests": list(requests)}
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.http_load"],
        input=json.dumps(order).encode(),
        stdout=subprocess.PIPE,
        timeout=_LONGEST_SECONDS,
        check=True,
    )
    found = json.loads(done.stdout)
    statuses = {int(status): count for status, count in found.pop("statuses").items()}
    return Load(**found, statuses=statuses)


def _send_all(address: tuple[str, int], connections: int, requests: Sequence[str]) -> dict[str, object]:
    waiting = deque(request.encode() for request in requests)
    took: list[float] = []
    statuses: Counter[int] = Counter()
    selector = selectors.DefaultSelector()
    open_ = [_Connection(socket.create_connection(address, _TIMEOUT_SECONDS)) for _ in range(connections)]
    for connection in open_:
        connection.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        selector.register(connection.socket, selectors.EVENT_READ, connection)
    began = time.perf_counter()
    for connection in open_:
        if waiting:
            connection.send(waiting.popleft())
    while len(took) < len(requests):
        ready = selector.select(_TIMEOUT_SECONDS)
        if not ready:
            raise TimeoutError("No answer came for a minute.")
        for key, _ in ready:
            connection = key.data
            status = connection.status()
            if status is None:
                continue
            took.append(time.perf_counter() - connection.began)
            statuses[status] += 1
            if waiting:
                connection.send(waiting.popleft())
    seconds = time.perf_counter() - began
    for connection in open_:
        connection.socket.close()
    took.sort()
    return {
        "seconds": seconds,
        "p50_ms": took[len(took) // 2] * 1000,
        "p99_ms": took[len(took) * 99 // 100] * 1000,
        "statuses": statuses,
    }


if __name__ == "__main__":
    order = json.load(sys.stdin)
    json.dump(_send_all(tuple(order["address"]), order["connections"], order["requests"]), sys.stdout)
