"""What became of a request, whatever the server does."""

import asyncio
import socket
import struct

import pytest

from tasks.providers.http_client import HttpClient, HttpServer
from tasks.providers.http_exchange import (
    CONNECTION,
    CONTENT,
    PROTOCOL,
    TIMEOUT,
    Answer,
    Request,
    Unanswered,
    Unwritten,
)
from tests.support.http_server import OK, ONE, Handler, answering, read_request, served


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
    # The sixth without an answer ends it; the other connection may have begun one more by then.
    assert 6 <= kinds.count(Unanswered) <= 7
    assert kinds.count(Unwritten) == 50 - kinds.count(Unanswered)
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
