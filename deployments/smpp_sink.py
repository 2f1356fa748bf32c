"""An SMSC that takes everything, writes down each whole message, reports on it, and sends nothing.

For tests and for trying things out: `python -m deployments.smpp_sink --log accepted.jsonl`. Like the mail sink it can
be told to misbehave (sink_faults.py: at connect, which is the bind, and final, which is a submit_sm).
"""

import asyncio
import contextlib
import json
import signal
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Annotated

import uvloop
from cyclopts import App, Parameter

from deployments.sink_faults import Fault, FaultScript, parse_faults, read_faults
from deployments.sink_log import AcceptLog
from deployments.smpp_sink_deliveries import Deliveries
from deployments.smpp_sink_protocol import SmppSinkConnection, SmppSinkState
from models.errors import SetupError

app = App(name="python -m deployments.smpp_sink", help="An SMSC that logs what it accepts and sends nothing.")

ACCOUNT = "exosend:secret"


@contextlib.asynccontextmanager
async def serving(
    state: SmppSinkState, *, host: str = "127.0.0.1", port: int = 0, tls: ssl.SSLContext | None = None
) -> AsyncIterator[int]:
    """Serve until the block ends; gives the port (0 asks for a free one). Raises SetupError if it is taken."""
    loop = asyncio.get_running_loop()
    try:
        server = await loop.create_server(lambda: SmppSinkConnection(state), host, port, ssl=tls, backlog=1024)
    except OSError as error:
        raise SetupError(f"The SMPP sink cannot listen on {host}:{port}: {error.strerror}.") from None
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for connection in list(state.connections):
            connection.close()
        await server.wait_closed()
        await asyncio.sleep(0)  # asyncio closes sockets from callbacks
        state.log.close()


@app.default
def main(
    *,
    log: Annotated[Path, Parameter(help="File that gets one JSON line per accepted message.")],
    port: Annotated[int, Parameter(help="Port; 0 takes a free one and prints it.")] = 2775,
    host: Annotated[str, Parameter(help="Address to listen on.")] = "127.0.0.1",
    script: Annotated[Path | None, Parameter(help="JSON file with a list of fault rules.")] = None,
    fail: Annotated[tuple[str, ...], Parameter(help="One fault rule as JSON; may be repeated.")] = (),
    delay: Annotated[float, Parameter(help="Milliseconds before each acceptance is answered.")] = 0.0,
    account: Annotated[str, Parameter(help="system_id:password that it asks for.")] = ACCOUNT,
    reorder: Annotated[int, Parameter(help="Responses that are held back and sent the last first.")] = 0,
    receipts: Annotated[str, Parameter(help="Words of receipts by glob of the recipient, as JSON.")] = "{}",
) -> None:
    """Serve until SIGTERM or Ctrl-C."""
    faults: list[Fault] = read_faults(script) if script else []
    for rule in fail:
        faults += parse_faults(rule)
    user, _, password = account.partition(":")
    state = SmppSinkState(
        AcceptLog(log),
        FaultScript(faults),
        (user, password),
        delay / 1000,
        reorder,
        Deliveries(json.loads(receipts)),
    )
    uvloop.run(_serve(state, host, port))


async def _serve(state: SmppSinkState, host: str, port: int) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stop.set)
    async with serving(state, host=host, port=port) as chosen:
        print(f"listening on {host}:{chosen}", flush=True)  # noqa: T201  # who starts it waits for this line
        await stop.wait()


if __name__ == "__main__":
    try:
        app()
    except SetupError as error:
        raise SystemExit(f"SMPP sink: {error}") from None
