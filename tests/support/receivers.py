"""A client's server that gets webhooks on loopback: it answers as a test says, and keeps what it was sent."""

import contextlib
import socket
import threading
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
_PATIENCE_SECONDS = 30.0


def answer(status: int, body: bytes = b"", **headers: str) -> bytes:
    """An answer as it goes over the wire; `Retry_After` is the header Retry-After."""
    lines = [f"HTTP/1.1 {status} Because", f"Content-Length: {len(body)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + body


@dataclass(frozen=True)
class Got:
    """A request that came in."""

    line: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Receiver:
    """Answers with `script`'s answers in turn, then with 200. An answer of None is none: the connection hangs until the
    end; b"" is one that is reset."""

    address: str = "127.0.0.1"
    port: int = 0  # 0: any
    script: deque[bytes | None] = field(default_factory=deque)
    got: list[Got] = field(default_factory=list)
    connections: int = 0

    def __post_init__(self) -> None:
        self._listener = socket.create_server((self.address, self.port))
        self.port = self._listener.getsockname()[1]
        self._came = threading.Condition()
        self._open: set[socket.socket] = set()

    @property
    def url(self) -> str:
        return f"http://{self.address}:{self.port}/hook"

    @property
    def ids(self) -> list[str]:
        return [each.headers["webhook-id"] for each in self.got]

    def wait_for(self, count: int) -> list[Got]:
        """Wait until so many requests came."""
        with self._came:
            assert self._came.wait_for(lambda: len(self.got) >= count, _PATIENCE_SECONDS), self.got
            return list(self.got)

    @contextlib.contextmanager
    def running(self) -> Iterator["Receiver"]:
        threads = [threading.Thread(target=self._accept)]
        self._threads = threads
        threads[0].start()
        try:
            yield self
        finally:
            self._listener.shutdown(socket.SHUT_RDWR)
            threads[0].join()
            self._listener.close()
            for connection in list(self._open):
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
            for thread in threads[1:]:
                thread.join()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:  # shut down
                return
            self.connections += 1
            self._open.add(connection)
            self._threads.append(threading.Thread(target=self._serve, args=(connection,)))
            self._threads[-1].start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, connection.makefile("rb") as stream, contextlib.suppress(OSError):
            while (request := _read(stream)) is not None:
                with self._came:
                    said = self.script.popleft() if self.script else OK
                    self.got.append(request)
                    self._came.notify_all()
                if said is None:
                    stream.read()  # until somebody ends the connection
                    return
                if said == b"":
                    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
                    return
                connection.sendall(said)
        self._open.discard(connection)


def _read(stream) -> Got | None:  # type: ignore[no-untyped-def]
    line = stream.readline().decode().strip()
    if not line:
        return None
    headers = {}
    while text := stream.readline().decode().strip():
        name, _, value = text.partition(": ")
        headers[name.lower()] = value
    return Got(line, headers, stream.read(int(headers.get("content-length", 0))))
