"""One sender of one run: everything that `drain` needs, opened and closed again."""

import asyncio
import logging
import os
import socket
from collections.abc import Callable
from uuid import UUID

import uvloop

from models.rules.lifecycle import RunKind
from models.session import Database
from models.settings import Settings
from models.store.contents import read_content
from models.store.runs import find_run
from models.tables import Run
from tasks.providers.registry import open_provider
from tasks.sending.composing import ContentComposers
from tasks.sending.drain import Drainer, Tally
from tasks.sending.journal import Journal
from tasks.sending.lease_keeper import LeaseKeeper
from tasks.sending.rate import Rate, window_size
from tasks.sending.results import RetryPolicy

log = logging.getLogger(__name__)


def send_run(
    database: Database,
    settings: Settings,
    run_id: UUID,
    epoch: int,
    *,
    stop: Callable[[], bool],
    tally: Tally | None = None,
) -> Tally:
    """Send chunks of the run at this epoch until none is free, or until `stop` says so; returns what was done.

    Blocks, on an event loop of its own. What was begun is recorded and given back before it returns. `tally`, if
    given, is counted up while it goes on, for whoever shows progress.
    """
    tally = tally if tally is not None else Tally()
    with database.transaction(None) as session:
        run = find_run(session, run_id)
        assert run.content_id is not None
        channel = read_content(session, run.organization_id, run.content_id).channel
    # The text of a campaign is a source with merge tags; of a request that sends at once it is what was written.
    composers = ContentComposers(database, literal_sms=run.kind != RunKind.CAMPAIGN.value)
    with LeaseKeeper(database, settings.lease_seconds) as keeper:
        # uvloop: the same loop on asyncio's own reaches two thirds of the messages a second.
        uvloop.run(_send(database, settings, run, epoch, channel, composers, keeper, stop, tally))
    return tally


async def _send(
    database: Database,
    settings: Settings,
    run: Run,
    epoch: int,
    channel: str,
    composers: ContentComposers,
    keeper: LeaseKeeper,
    stop: Callable[[], bool],
    tally: Tally,
) -> None:
    provider = open_provider(settings, channel)
    drainer = Drainer(
        journal=Journal(database, run.id, run.organization_id, epoch, channel, provider.name, keeper.is_lost),
        keeper=keeper,
        provider=provider,
        composers=composers,
        rate=Rate(database, f"run:{run.id}", run.send_rate_per_minute),
        policy=RetryPolicy(settings.retry_attempts, settings.retry_base_seconds),
        window_size=window_size(
            batch_size=run.batch_size,
            messages_per_call=provider.capabilities.messages_per_call,
            per_minute=run.send_rate_per_minute,
        ),
        lease_seconds=settings.lease_seconds,
        who=f"{socket.gethostname()}:{os.getpid()}",
        stop=stop,
        tally=tally,
    )
    try:
        await drainer.drain()
    finally:
        drainer.close()
        async with asyncio.timeout(10):
            await provider.close()
