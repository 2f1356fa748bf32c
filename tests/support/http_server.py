"""An HTTP server that does what a test says, and a client of it."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable

from tasks.providers.http_client import HttpClient, HttpServer
from tasks.providers.http_exchange import Request

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
ONE = [Request("/", b"x")]


@contextlib.asynccontextmanager
async def listening(handler: Handler, tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """A server that does for each connection what the handler does; gives its port."""
    handlers: dict[asyncio.Task[None], asyncio.StreamWriter] = {}

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        handlers[task] = writer
        with contextlib.suppress(asyncio.IncompleteReadError, asyncio.CancelledError, ConnectionError):
            await handler(reader, writer)
        writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0, ssl=tls)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task, writer in handlers.items():
            task.cancel()
            writer.transport.abort()
        if handlers:
            await asyncio.wait(handlers)
        await asyncio.sleep(0)  # asyncio closes sockets from callbacks


@contextlib.asynccontextmanager
async def served(handler: Handler, **options: object) -> AsyncIterator[HttpClient]:
    """A client of such a server."""
    async with listening(handler) as port:
        client = HttpClient(HttpServer("127.0.0.1", port, False, **options))  # type: ignore[arg-type]
        try:
            yield client
        finally:
            await client.close()


async def read_request(reader: asyncio.StreamReader) -> bytes:
    """A whole one."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0])
    return head + await reader.readexactly(length)


def answering(answer: bytes, *, then_close: bool = False) -> Handler:
    """Answers each request so."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            await read_request(reader)
            writer.write(answer)
            await writer.drain()
            if then_close:
                return

    return handle
