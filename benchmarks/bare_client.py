"""The least an SMTP client in Python can do: write the same prepared bytes, count the replies."""

import asyncio
from functools import partial
from typing import cast

import uvloop

_ENVELOPE = b"MAIL FROM:<a@example.com>\r\nRCPT TO:<b@example.com>\r\nDATA\r\n"
_LONGEST_SECONDS = 600


def send_prepared(port: int, *, count: int, size: int, connections: int) -> None:
    """Send `count` messages of `size` bytes over so many connections to a server that takes everything."""
    uvloop.run(_send(port, count, size, connections))


async def _send(port: int, count: int, size: int, connections: int) -> None:
    loop = asyncio.get_running_loop()
    line = b"x" * 76 + b"\r\n"
    body = (b"Subject: x\r\n\r\n" + line * (size // len(line) + 1))[: size - 2] + b"\r\n.\r\n"
    shares = [count // connections + (number < count % connections) for number in range(connections)]
    clients = [_Client(body, share) for share in shares if share]
    async with asyncio.timeout(_LONGEST_SECONDS):
        for client in clients:
            await loop.create_connection(partial(_itself, client), "127.0.0.1", port)
        await asyncio.gather(*(client.done for client in clients))


def _itself(client: "_Client") -> "_Client":
    return client


class _Client(asyncio.Protocol):
    """One connection, pipelined as RFC 2920 allows: body and dot of a message go out with the envelope of the next."""

    def __init__(self, body: bytes, count: int) -> None:
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._body = body
        self._left = count
        self._lines = 0  # replies still to come before the next body may go out

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._transport.write(b"HELO localhost\r\n" + _ENVELOPE)
        self._lines = 5  # greeting, HELO, MAIL, RCPT, 354

    def data_received(self, data: bytes) -> None:
        self._lines -= data.count(b"\n")
        if self._lines:
            return
        if not self._left:
            self._transport.close()
            self.done.set_result(None)
            return
        self._left -= 1
        self._transport.write(self._body + _ENVELOPE if self._left else self._body)
        self._lines = 4 if self._left else 1

    def connection_lost(self, _exc: Exception | None) -> None:
        if not self.done.done():
            self.done.set_exception(ConnectionError("The mail server closed the connection."))
