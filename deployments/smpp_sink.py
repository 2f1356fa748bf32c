"""An SMSC that takes everything, writes down each whole message, reports on it, and sends nothing.

For tests and for trying things out: `python -m deployments.smpp_sink --log accepted.jsonl`. Like the mail sink it can
be told to misbehave (sink_faults.py: at connect, which is the bind, and final, which is a submit_sm).
"""

import json
import ssl
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from deployments.sink_faults import read_faults
from deployments.sink_log import AcceptLog
from deployments.sink_serving import serve, serving_on
from deployments.smpp_sink_deliveries import Deliveries
from deployments.smpp_sink_protocol import SmppSinkConnection, SmppSinkState
from models.errors import SetupError

app = App(name="python -m deployments.smpp_sink", help="An SMSC that logs what it accepts and sends nothing.")

ACCOUNT = "exosend:secret"


def serving(
    state: SmppSinkState, *, host: str = "127.0.0.1", port: int = 0, tls: ssl.SSLContext | None = None
) -> AbstractAsyncContextManager[int]:
    """Serve until the block ends; gives the port (0 asks for a free one). Raises SetupError if it is taken."""
    return serving_on(host, port, lambda: SmppSinkConnection(state), state, name="SMPP sink", tls=tls)


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
    faults = read_faults(script, fail)
    user, _, password = account.partition(":")
    state = SmppSinkState(
        AcceptLog(log),
        faults,
        (user, password),
        delay / 1000,
        reorder,
        Deliveries(json.loads(receipts)),
    )
    serve(host, serving(state, host=host, port=port))


if __name__ == "__main__":
    try:
        app()
    except SetupError as error:
        raise SystemExit(f"SMPP sink: {error}") from None
