"""A TCP proxy between a process and Postgres that a test can cut, stall and heal.

Cut: connections are reset and new ones refused, as when a process is gone or a firewall says no. Stalled: nothing is
said any more in either direction, as when a cable is pulled; what was sent meanwhile arrives when it is healed.
"""

import asyncio
import contextlib
import socket
import struct
import sys
import threading
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, Self

from sqlalchemy import URL, make_url

_CHUNK = 65536


class Proxy:
    """Forwards to the Unix socket of a server, on an event loop in a thread of its own. Use as a context manager."""

    def __init__(self, database: URL, *, host: str = "127.0.0.1") -> None:
        self._database = database
        self._target = str(Path(str(database.query["host"])) / f".s.PGSQL.{database.port or 5432}")
        self._host = host
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxy")
        self._open: dict[asyncio.Task[None], asyncio.StreamWriter] = {}
        self._refuses = False
        self._packets: int | None = None  # of the next transaction, before everything stalls
        self._cuts_at_commit = False
        self._has_stalled = threading.Event()

    def __enter__(self) -> Self:
        self._thread.start()
        self._do(self._start())
        return self

    def __exit__(self, *_: object) -> None:
        self._do(self._stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    @property
    def url(self) -> str:
        """The address of the database with the proxy in place of its socket."""
        through = self._database.set(host=self._host, port=self._port, query={"sslmode": "disable"})
        return through.render_as_string(hide_password=False)

    def cut(self) -> None:
        """Reset all connections, and take none."""
        self._do(self._cut())

    def stall(self) -> None:
        """From now on nothing passes."""
        self._do(self._stall())

    def stall_in_transaction(self, packets: int) -> None:
        """Wait for a transaction that sends so many packets after its BEGIN, and stall inside it."""
        self._packets = packets
        assert self._has_stalled.wait(timeout=60), "There is no such transaction."

    def cut_at_commit(self) -> None:
        """Wait for a COMMIT, let it reach Postgres, and cut before its answer comes back."""
        self._cuts_at_commit = True
        assert self._has_stalled.wait(timeout=60), "Nothing was committed."
        self.cut()

    def heal(self) -> None:
        """Everything passes again; who was cut off may connect."""
        self._do(self._heal())

    def _do(self, what: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(what, self._loop).result(timeout=10)

    async def _start(self) -> None:
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._server = await asyncio.start_server(self._accept, self._host, 0)
        self._port = self._server.sockets[0].getsockname()[1]

    async def _stop(self) -> None:
        self._server.close()
        for task in self._open:
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)

    async def _cut(self) -> None:
        self._refuses = True
        await asyncio.sleep(0.1)  # what has reached Postgres is done there
        for writer in self._open.values():
            _reset(writer)

    async def _stall(self) -> None:
        self._flowing.clear()
        self._has_stalled.set()

    async def _heal(self) -> None:
        self._refuses = False
        self._flowing.set()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._open[task] = writer
        try:
            if self._refuses:
                _reset(writer)
                return
            with contextlib.suppress(ExceptionGroup, OSError, asyncio.CancelledError):
                await self._forward(reader, writer)
        finally:
            writer.close()
            del self._open[task]

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        from_server, to_server = await asyncio.open_unix_connection(self._target)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._pass(reader, to_server, counts=True))
                group.create_task(self._pass(from_server, writer))
        finally:
            to_server.close()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, counts: bool = False) -> None:
        passed: int | None = None  # packets of the transaction that is open
        while data := await reader.read(_CHUNK):
            await self._flowing.wait()
            if counts and self._packets is not None:
                passed = 0 if b"BEGIN" in data else None if b"COMMIT" in data or passed is None else passed + 1
            if counts and self._cuts_at_commit and b"COMMIT" in data:
                self._cuts_at_commit = False
                await self._stall()
            writer.write(data)
            await writer.drain()
            if passed is not None and passed == self._packets:
                self._packets = None
                await self._stall()
        raise ConnectionResetError  # it ends the other direction as well


def _reset(writer: asyncio.StreamWriter) -> None:
    """End a connection by RST; the kernel sends it instead of FIN where there is no time to linger."""
    connected = writer.get_extra_info("socket")
    connected.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


if __name__ == "__main__":  # the address of the database, and the one to listen on; until standard input ends
    with Proxy(make_url(sys.argv[1]), host=sys.argv[2]) as proxy:
        print(proxy.url, flush=True)
        sys.stdin.buffer.read()
