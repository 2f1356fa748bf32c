"""Several providers' servers at once in one thread, each with a log of what it accepted, and accounts with them."""

import asyncio
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from deployments import http_sink, sink
from deployments.http_sink import ACCOUNTS
from deployments.sink_faults import Fault, FaultScript
from deployments.sink_log import AcceptLog, read_log
from deployments.sink_protocol import SinkState
from models.store.provider_accounts import add_account
from tests.support.engine import Engine
from tests.support.http_api import CHANNELS, sink_state

SMTP = "smtp"


@dataclass(frozen=True, slots=True)
class Wanted:
    """A server: `vendor` of the HTTP sink, or smtp; what it does wrong; `account`: another one than it lets in."""

    vendor: str
    faults: Sequence[dict[str, object]] = ()
    account: str | None = None


@dataclass(frozen=True, slots=True)
class Server:
    """One that runs. `url` is that of an account."""

    vendor: str
    url: str
    log: Path

    def accepted(self) -> Counter[str]:
        """How often it accepted each recipient."""
        return read_log(self.log) if self.log.exists() else Counter()

    def account(self, engine: Engine, whose: UUID | None = None, **values: object) -> str:
        """Add an account with it; returns what `messages.provider` calls it."""
        given: dict[str, object] = {"name": self.log.stem, "url": self.url, **values}
        channel = CHANNELS.get(self.vendor, "email")
        with engine.database.transaction(None) as session:
            row = add_account(
                session,
                engine.settings,
                whose,
                channel=channel,
                vendor=self.vendor,
                actor="test",
                **given,  # type: ignore[arg-type]
            )
            return f"{self.vendor}:{row.id}"


@contextmanager
def servers(folder: Path, *wanted: Wanted) -> Iterator[list[Server]]:
    """Serve until the block ends."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    stack = AsyncExitStack()

    def run(work: object) -> object:
        return asyncio.run_coroutine_threadsafe(work, loop).result(30)  # type: ignore[arg-type]

    try:
        yield run(_start(stack, folder, wanted))  # type: ignore[misc]
    finally:
        run(stack.aclose())
        loop.call_soon_threadsafe(loop.stop)
        thread.join(30)
        loop.close()


async def _start(stack: AsyncExitStack, folder: Path, wanted: Sequence[Wanted]) -> list[Server]:
    found = []
    for number, one in enumerate(wanted):
        log = folder / f"{one.vendor}-{number}.jsonl"
        if one.vendor == SMTP:
            script = FaultScript([Fault.model_validate(fault) for fault in one.faults])
            port = await stack.enter_async_context(sink.serving(SinkState(log=AcceptLog(log), script=script)))
            found.append(Server(SMTP, f"smtp://127.0.0.1:{port}?timeout=5", log))
        else:
            state = sink_state(one.vendor, log, *one.faults)
            port = await stack.enter_async_context(http_sink.serving(state))
            account = one.account or ACCOUNTS[one.vendor]
            found.append(Server(one.vendor, f"{one.vendor}://{account}@127.0.0.1:{port}?tls=off&timeout=5", log))
    return found


def unused(vendor: str = SMTP) -> Server:
    """One that is not there: connections are refused."""
    if vendor == SMTP:
        return Server(SMTP, "smtp://127.0.0.1:9?timeout=5", Path("nowhere"))
    return Server(vendor, f"{vendor}://{ACCOUNTS[vendor]}@127.0.0.1:9?tls=off&timeout=5", Path("nowhere"))
