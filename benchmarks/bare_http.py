"""The least an HTTP client in Python can do: write the same prepared requests, wait for each answer's end."""

import asyncio
from collections.abc import Iterator, Sequence
from functools import partial
from typing import cast

import uvloop

_LONGEST_SECONDS = 600
_LENGTH = b"content-length:"


def send_prepared(port: int, requests: Sequence[bytes], *, connections: int) -> None:
    """Send them all over so many connections to a server that takes everything, one at a time on each."""
    uvloop.run(_send(port, requests, connections))


async def _send(port: int, requests: Sequence[bytes], connections: int) -> None:
    loop = asyncio.get_running_loop()
    left = iter(requests)
    clients = [_Client(left) for _ in range(min(connections, len(requests)))]
    async with asyncio.timeout(_LONGEST_SECONDS):
        for client in clients:
            await loop.create_connection(partial(_itself, client), "127.0.0.1", port)
        await asyncio.gather(*(client.done for client in clients))


def _itself(client: "_Client") -> "_Client":
    return client


class _Client(asyncio.Protocol):
    """One connection. `left` is shared by all of them."""

    def __init__(self, left: Iterator[bytes]) -> None:
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._left = left
        self._answer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._next()

    def data_received(self, data: bytes) -> None:
        self._answer += data
        end = self._answer.find(b"\r\n\r\n")
        if end < 0:
            return
        head = self._answer[:end].lower()
        length = head[head.index(_LENGTH) + len(_LENGTH) :].split(b"\r\n", 1)[0]
        if len(self._answer) >= end + 4 + int(length):
            assert self._answer.startswith(b"HTTP/1.1 20"), self._answer[:200]
            self._answer = b""
            self._next()

    def connection_lost(self, _exc: Exception | None) -> None:
        if not self.done.done():
            self.done.set_exception(ConnectionError("The server closed the connection."))

    def _next(self) -> None:
        request = next(self._left, None)
        if request is not None:
            self._transport.write(request)
            return
        self.done.set_result(None)
        self._transport.close()
