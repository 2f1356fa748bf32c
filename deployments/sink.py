"""A mail server that takes everything, writes down what it accepted, and delivers nothing.

For the demo, for tests and for trying things out: `python -m deployments.sink --port 2525 --log accepted.jsonl`.
It speaks real SMTP and can be told to misbehave (see sink_faults.py).
"""

import ssl
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from deployments.sink_faults import read_faults
from deployments.sink_log import AcceptLog
from deployments.sink_protocol import SinkConnection, SinkState
from deployments.sink_serving import serve, serving_on
from deployments.sink_tls import server_context
from models.errors import SetupError

app = App(name="python -m deployments.sink", help="A mail server that logs what it accepts and delivers nothing.")


def serving(
    state: SinkState, *, host: str = "127.0.0.1", port: int = 0, tls: ssl.SSLContext | None = None
) -> AbstractAsyncContextManager[int]:
    """Serve until the block ends; gives the port (0 asks for a free one). `tls`: encrypted from the first byte.

    Raises SetupError, naming the port, if it is taken.
    """
    return serving_on(host, port, lambda: SinkConnection(state), state, name="mail sink", tls=tls)


@app.default
def main(
    *,
    log: Annotated[Path, Parameter(help="File that gets one JSON line per accepted recipient.")],
    port: Annotated[int, Parameter(help="Port; 0 takes a free one and prints it.")] = 2525,
    host: Annotated[str, Parameter(help="Address to listen on.")] = "127.0.0.1",
    script: Annotated[Path | None, Parameter(help="JSON file with a list of fault rules.")] = None,
    fail: Annotated[tuple[str, ...], Parameter(help="One fault rule as JSON; may be repeated.")] = (),
    delay: Annotated[float, Parameter(help="Milliseconds before each acceptance is answered.")] = 0.0,
    keep: Annotated[Path | None, Parameter(help="Folder that gets every message as a file.")] = None,
    max_size: Annotated[int, Parameter(help="SIZE limit in bytes.")] = 50_000_000,
    pipelining: Annotated[bool, Parameter(help="Offer PIPELINING.")] = True,
    tls: Annotated[Path | None, Parameter(help="Offer STARTTLS; folder for the certificate made for it.")] = None,
    auth: Annotated[str | None, Parameter(help="Ask for AUTH with this user:password.")] = None,
) -> None:
    """Serve until SIGTERM or Ctrl-C."""
    faults = read_faults(script, fail)
    if keep is not None:
        keep.mkdir(parents=True, exist_ok=True)
    user, _, password = (auth or "").partition(":")
    state = SinkState(
        log=AcceptLog(log),
        script=faults,
        pipelining=pipelining,
        max_size=max_size,
        delay_seconds=delay / 1000,
        keep=keep,
        tls_context=server_context(tls) if tls else None,
        account=(user, password) if auth else None,
    )
    serve(host, serving(state, host=host, port=port))


if __name__ == "__main__":
    try:
        app()
    except SetupError as error:
        raise SystemExit(f"mail sink: {error}") from None
