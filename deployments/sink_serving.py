"""Serving a sink, whatever it speaks: on a port, until a block or the process ends."""

import asyncio
import contextlib
import signal
import ssl
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import AbstractAsyncContextManager
from typing import Protocol

import uvloop

from deployments.sink_log import AcceptLog
from models.errors import SetupError


class Closable(Protocol):
    """A connection."""

    def close(self) -> None:
        """End it."""
        ...


class Shared(Protocol):
    """What all connections of one sink share."""

    @property
    def connections(self) -> Collection[Closable]:
        """Those that are open."""
        ...

    @property
    def log(self) -> AcceptLog:
        """What was accepted."""
        ...


@contextlib.asynccontextmanager
async def serving_on(
    host: str,
    port: int,
    connection: Callable[[], asyncio.BaseProtocol],
    state: Shared,
    *,
    name: str,
    tls: ssl.SSLContext | None = None,
) -> AsyncIterator[int]:
    """Serve until the block ends; gives the port (0 asks for a free one). `tls`: encrypted from the first byte.

    Raises SetupError, naming the sink and the port, if it is taken.
    """
    loop = asyncio.get_running_loop()
    try:
        server = await loop.create_server(connection, host, port, ssl=tls, backlog=1024)
    except OSError as error:
        raise SetupError(f"The {name} cannot listen on {host}:{port}: {error.strerror}.") from None
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for each in list(state.connections):
            each.close()
        await server.wait_closed()
        await asyncio.sleep(0)  # asyncio closes sockets from callbacks
        state.log.close()


def serve(host: str, serving: AbstractAsyncContextManager[int]) -> None:
    """Serve until SIGTERM or Ctrl-C, and print on which port."""
    uvloop.run(_serve(host, serving))


async def _serve(host: str, serving: AbstractAsyncContextManager[int]) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stop.set)
    async with serving as port:
        print(f"listening on {host}:{port}", flush=True)  # noqa: T201  # who starts it waits for this line
        await stop.wait()
