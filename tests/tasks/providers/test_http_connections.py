"""How HTTP connections are opened, kept, lost and ended."""

import asyncio
import ssl
import time

import pytest

from deployments.sink_tls import server_context
from tasks.providers.base import LATE
from tasks.providers.http_client import HttpClient, HttpServer
from tasks.providers.http_connection import kept_open_seconds
from tasks.providers.http_exchange import ABORTED, TLS, Answer, Unanswered, Unwritten
from tasks.providers.until import Until
from tests.support.http_server import OK, ONE, answering, listening, read_request, served


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
            return await client.exchange(ONE, until=Until(time.monotonic() - 1))

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


@pytest.mark.parametrize("is_trusted", [True, False])
def test_a_server_proves_its_name_or_gets_nothing(run_in, tmp_path, is_trusted, loop_name):
    arrived = []

    async def handle(reader, writer):
        arrived.append(await read_request(reader))
        writer.write(OK)

    async def main():
        async with listening(handle, server_context(tmp_path)) as port:
            trusted = ssl.create_default_context(cafile=tmp_path / "sink.crt") if is_trusted else None
            client = HttpClient(HttpServer("127.0.0.1", port, True), tls_context=trusted)
            try:
                return await client.exchange(ONE)
            finally:
                await client.close()

    [result] = run_in(main(), loop_name)
    if is_trusted:
        assert isinstance(result, Answer)
    else:
        assert isinstance(result, Unwritten)
        assert result.code == TLS
    assert len(arrived) == is_trusted


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("timeout=5, max=100", 4.0), ("max=7,Timeout=1", 0.0), ("timeout=600", 20.0), ("", 20.0), ("timeout=soon", 20.0)],
)
def test_a_server_says_how_long_it_keeps_a_connection(header, seconds):
    assert kept_open_seconds(header) == seconds
