"""What became of a request, whatever the server does."""

import asyncio
import contextlib
import socket
import struct
import time
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from tasks.providers.base import LATE
from tasks.providers.http_client import HttpClient, HttpServer
from tasks.providers.http_exchange import (
    ABORTED,
    CONNECTION,
    CONTENT,
    PROTOCOL,
    TIMEOUT,
    Answer,
    Request,
    Unanswered,
    Unwritten,
)

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
ONE = [Request("/", b"x")]


@contextlib.asynccontextmanager
async def served(handler: Handler, **options: object) -> AsyncIterator[HttpClient]:
    """A client of a server that does for each connection what the handler does."""

    handlers: dict[asyncio.Task[None], asyncio.StreamWriter] = {}

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        handlers[task] = writer
        with contextlib.suppress(asyncio.IncompleteReadError, asyncio.CancelledError, ConnectionError):
            await handler(reader, writer)
        writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    client = HttpClient(HttpServer("127.0.0.1", server.sockets[0].getsockname()[1], False, **options))  # type: ignore[arg-type]
    try:
        yield client
    finally:
        await client.close()
        server.close()
        for task, writer in handlers.items():
            task.cancel()
            writer.transport.abort()
        if handlers:
            await asyncio.wait(handlers)
        await asyncio.sleep(0)  # asyncio closes sockets from callbacks


async def read_request(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0])
    return head + await reader.readexactly(length)


def answering(answer: bytes, *, then_close: bool = False) -> Handler:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            await read_request(reader)
            writer.write(answer)
            await writer.drain()
            if then_close:
                return

    return handle


def exchanged(run_in, handler: Handler, requests=ONE, loop_name="asyncio", **options):
    async def main():
        async with served(handler, **{"timeout": 2.0, **options}) as client:
            return await client.exchange(requests)

    return run_in(main(), loop_name)


@pytest.mark.parametrize(
    ("answer", "closes", "body"),
    [
        (OK, False, b"ok"),
        (b"HTTP/1.1 100 Continue\r\n\r\n" + OK, False, b"ok"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\no\r\n1\r\nk\r\n0\r\n\r\n", False, b"ok"),
        (b"HTTP/1.1 200 OK\r\n\r\nok", True, b"ok"),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", True, b"ok"),
        (OK + OK, False, b"ok"),
        (b"HTTP/1.1 204 No Content\r\n\r\n", False, b""),
    ],
)
def test_every_form_of_an_answer_is_read(run_in, answer, closes, body, loop_name):
    results = exchanged(run_in, answering(answer, then_close=closes), ONE * 3, loop_name, connections=1)
    assert [getattr(result, "body", result) for result in results] == [body] * 3


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (b"", CONNECTION),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nok", CONNECTION),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\no\r\n", CONNECTION),
        (b"\x15\x03\x01 what\r\n\r\n", PROTOCOL),
        (b"220 mail.example.com ESMTP\r\n\r\n", PROTOCOL),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok", PROTOCOL),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9000000\r\n\r\n" + b"y" * 2_000_000, PROTOCOL),
    ],
)
def test_what_is_no_whole_answer_leaves_the_request_in_doubt(run_in, answer, code, loop_name):
    [result] = exchanged(run_in, answering(answer, then_close=True), ONE, loop_name)
    assert isinstance(result, Unanswered)
    assert result.code == code


@pytest.mark.parametrize("size", [0, 10, 64 * 1024, 5_000_000])
def test_a_request_of_any_size_arrives_whole(run_in, size, loop_name):
    arrived: list[bytes] = []

    async def handle(reader, writer):
        while True:
            arrived.append((await read_request(reader)).partition(b"\r\n\r\n")[2])
            writer.write(OK)

    body = bytes(range(256)) * (size // 256) + b"e" * (size % 256)
    results = exchanged(run_in, handle, [Request("/", body)] * 3, loop_name, connections=1)
    assert [result.status for result in results] == [200] * 3
    assert arrived == [body] * 3


def test_a_long_request_that_was_not_read_whole_was_certainly_not_taken(run_in, loop_name):
    async def handle(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()

    [result] = exchanged(run_in, handle, [Request("/", b"x" * 20_000_000)], loop_name)
    assert isinstance(result, Unwritten)
    assert result.code == CONNECTION


def test_an_answer_before_the_end_of_a_long_request_is_an_answer(run_in, loop_name):
    async def handle(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n")
        await asyncio.sleep(3600)

    [result] = exchanged(run_in, handle, [Request("/", b"x" * 20_000_000)], loop_name)
    assert isinstance(result, Answer)
    assert result.status == 413


def test_a_silent_server_gets_a_few_requests_only(run_in):
    async def handle(reader, writer):
        await asyncio.sleep(3600)

    results = exchanged(run_in, handle, ONE * 50, connections=2, timeout=0.1)
    kinds = [type(result) for result in results]
    assert kinds.count(Unanswered) == 6
    assert kinds.count(Unwritten) == 44
    assert {result.code for result in results} == {TIMEOUT}


def test_nobody_there_is_told_at_once_and_names_no_secret(run_in):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    client = HttpClient(HttpServer("127.0.0.1", port, False, (("Authorization", "Basic c2VjcmV0"),)))
    results = run_in(client.exchange(ONE * 3))
    assert [result.code for result in results] == [CONNECTION] * 3
    assert all(isinstance(result, Unwritten) for result in results)
    assert "c2VjcmV0" not in repr((client, client._server, results))


@pytest.mark.parametrize(
    "request_", [Request("/", b"", (("X", "a\r\nY: b"),)), Request("/ HTTP/1.1\r\nX: y", b""), Request("/é", b"")]
)
def test_a_request_that_would_be_another_one_is_not_written(run_in, request_):
    results = exchanged(run_in, answering(OK), [request_, *ONE])
    assert isinstance(results[0], Unwritten)
    assert results[0].code == CONTENT
    assert isinstance(results[1], Answer)


def test_connections_are_kept_and_no_more_than_allowed(run_in, loop_name):
    opened = 0

    async def handle(reader, writer):
        nonlocal opened
        opened += 1
        await answering(OK)(reader, writer)

    async def main():
        async with served(handle, connections=3) as client:
            for _ in range(3):
                await asyncio.gather(*(client.exchange(ONE * 20) for _ in range(3)))

    run_in(main(), loop_name)
    assert opened == 3


def test_a_server_that_closes_idle_connections_puts_nothing_in_doubt(run_in, loop_name):
    writers = []

    async def handle(reader, writer):
        writers.append(writer)
        await answering(OK)(reader, writer)

    async def main():
        async with served(handle, connections=4) as client:
            await client.exchange(ONE * 20)
            for writer in writers:
                writer.transport.abort()
            await asyncio.sleep(0)  # the server's own turn: the client's is not before it writes
            return await client.exchange(ONE * 20)

    assert all(isinstance(result, Answer) for result in run_in(main(), loop_name))


def test_what_is_not_begun_in_time_is_late(run_in):
    async def main():
        async with served(answering(OK)) as client:
            return await client.exchange(ONE, until=time.monotonic() - 1)

    [result] = run_in(main())
    assert isinstance(result, Unwritten)
    assert result.code == LATE


@pytest.mark.parametrize("how", ["cancel", "abort", "abort in a thread", "close"])
def test_a_stopped_call_says_what_was_written(run_in, how, loop_name):
    arrived = asyncio.Event()

    async def handle(reader, writer):
        await read_request(reader)
        arrived.set()
        await asyncio.sleep(3600)

    async def main():
        async with served(handle, connections=1) as client:
            call = asyncio.create_task(client.exchange(ONE * 3))
            await arrived.wait()
            if how == "cancel":
                call.cancel()
            elif how == "abort in a thread":
                await asyncio.to_thread(client.abort)
            elif how == "abort":
                client.abort()
            else:
                await client.close()
            results = await call
            return results, await client.exchange(ONE) if how != "cancel" else [Unwritten(ABORTED, "")]

    results, afterwards = run_in(main(), loop_name)
    assert [type(result) for result in results] == [Unanswered, Unwritten, Unwritten]
    assert isinstance(afterwards[0], Unwritten)
    assert afterwards[0].code == ABORTED
