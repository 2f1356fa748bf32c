"""What sends runs, one after another: everything that `drain` needs, opened once."""

import asyncio
import logging
import os
import socket
from collections.abc import Callable, Coroutine
from concurrent.futures import Executor, ThreadPoolExecutor
from typing import Any
from uuid import UUID

import uvloop

from models.rules.lifecycle import RunKind
from models.rules.pacing import is_paced, page_size
from models.rules.quiet_hours import read_quiet_hours
from models.session import Database
from models.settings import Settings
from models.store import circuits
from models.store.contents import read_content
from models.store.runs import find_run, forget_send_failures, note_send_failure, rest_run
from models.tables import Run
from tasks.domains.signing import Signers
from tasks.sending.composing import ContentComposers
from tasks.sending.drain import Drainer
from tasks.sending.journal import Journal
from tasks.sending.lease_keeper import LeaseKeeper
from tasks.sending.links import links_of
from tasks.sending.open_routes import OpenRoutes
from tasks.sending.rate import Rate, account_limit, route_rate, run_limit
from tasks.sending.results import RetryPolicy
from tasks.sending.sender_rates import SenderRates
from tasks.sending.strand import Strand
from tasks.sending.tally import Tally
from tasks.sending.weights import Weights
from tasks.sending.windows import window_size

log = logging.getLogger(__name__)


class Sender:
    """Sends runs on an event loop of its own, in the thread that made it. Use as a context manager.

    Loop, lease keeper, the provider's connections and the contents last used are kept from run to run: for a run of
    200 messages they take longer than the messages.
    """

    def __init__(self, database: Database, settings: Settings) -> None:
        self._database = database
        self._settings = settings
        # The text of a campaign is a source with merge tags; of a request that sends at once it is what was written.
        self._composers: dict[tuple[bool, bool], ContentComposers] = {}
        self._weights = {merges: Weights(database, merges=merges) for merges in (False, True)}
        self._opened: dict[str, OpenRoutes] = {}  # by channel
        self._sender_rates = {channel: SenderRates(database, channel) for channel in ("email", "sms")}
        self._signers = Signers(settings)
        self._keeper = LeaseKeeper(database, settings.lease_seconds)
        # uvloop: the same loop on asyncio's own reaches two thirds of the messages a second.
        self._runner = asyncio.Runner(loop_factory=uvloop.new_event_loop)

    def __enter__(self) -> "Sender":
        self._keeper.__enter__()
        self._runner.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        try:
            for opened in self._opened.values():
                self._runner.run(opened.close())
        finally:
            self._runner.close()
            self._keeper.__exit__()

    def send(self, run_id: UUID, epoch: int, *, stop: Callable[[], bool], tally: Tally | None = None) -> Tally:
        """Send chunks of the run at this epoch until none is free, or until `stop` says so; returns what was done.

        Blocks. What was begun is recorded and given back before it returns. `tally`, if given, is counted up while it
        goes on, for whoever shows progress. Raises SetupError for a provider that cannot be opened; the run rests for a
        while after any error. When its accounts change it goes on with those that there are then.
        """
        tally = tally if tally is not None else Tally()
        run, channel = self.read(run_id)
        try:
            while True:
                drainer = self._runner.run(self._send(run, epoch, channel, stop, tally))
                if stop() or drainer.is_cut_off or self._opened[channel].is_current(drainer.provider):
                    break
        except Exception:
            self.note_failure(run_id)
            raise
        self.note_success(run, drainer)
        return tally

    def serve(self, work: Coroutine[Any, Any, None]) -> None:
        """Run, on this sender's loop, what sends runs with `drainer`. Blocks."""
        self._runner.run(work)

    def read(self, run_id: UUID) -> tuple[Run, str]:
        """The run and the channel that it is sent through. Raises NotFound, and SetupError for what the environment
        says of the channel's provider."""
        with self._database.transaction(None) as session:
            run = find_run(session, run_id)
            assert run.content_id is not None
            channel = read_content(session, run.organization_id, run.content_id).channel
            if channel not in self._opened:
                self._opened[channel] = OpenRoutes(self._database, self._settings, channel)
            self._opened[channel].routes.look(session)
            return run, channel

    def note_failure(self, run_id: UUID) -> None:
        """The run rests for a while: else sender after sender is started for a run that nobody can send."""
        with self._database.transaction(None) as session:
            note_send_failure(session, run_id)

    def note_success(self, run: Run, drainer: Drainer) -> None:
        """The run can be sent, whatever was before; but it rests while its provider is left alone."""
        if run.send_failures:
            with self._database.transaction(None) as session:
                forget_send_failures(session, run.id)
        with self._database.transaction(None) as session:
            if seconds := circuits.rest_seconds(session, drainer.journal.circuit.name):
                rest_run(session, run.id, seconds)

    async def _send(self, run: Run, epoch: int, channel: str, stop: Callable[[], bool], tally: Tally) -> Drainer:
        drainer = self.drainer(run, epoch, channel, stop=stop, tally=tally)
        is_well = False
        try:
            await drainer.drain()
            is_well = not drainer.is_cut_off
        finally:
            drainer.close()
            await self.let_go(drainer, is_well=is_well)
        return drainer

    async def let_go(self, drainer: Drainer, *, is_well: bool) -> None:
        """The drainer does not send any more. Unless all is well its provider is closed: it may have been aborted."""
        opened = self._opened[drainer.journal.channel]
        if not is_well:
            opened.forget(drainer.provider)
        await opened.let_go(drainer.provider)

    def drainer(
        self,
        run: Run,
        epoch: int,
        channel: str,
        *,
        stop: Callable[[], bool],
        tally: Tally | None = None,
        threads: Executor | None = None,
    ) -> Drainer:
        """What sends the run on this sender's loop. `threads`: the journal's, shared with other drainers; without them
        it has one of its own. It ends when the run's accounts have changed; then another one goes on. The run was just
        `read`; `let_go` of the drainer afterwards. Raises SetupError."""
        settings, database, opened = self._settings, self._database, self._opened[channel]
        route = opened.routes.of(run.organization_id)
        provider = opened.hold(route)
        own = run_limit(run.id, run.send_rate_per_minute)
        rates = (run.send_rate_per_minute, route_rate(settings, route))
        return Drainer(
            journal=Journal(
                database,
                run.id,
                run.organization_id,
                epoch,
                channel,
                provider.name,
                self._keeper.is_lost,
                look=opened.routes.look,
            ),
            keeper=self._keeper,
            provider=provider,
            composers=self._composers_for(run, merges=provider.capabilities.merges),
            weights=self._weights[provider.capabilities.merges],
            rate=Rate(
                database,
                run.id,
                run.organization_id,
                own,
                None if route.is_routed else account_limit(settings, route, provider.name),
                self._sender_rates[channel],
                route if route.is_routed and route.has_rates else None,
            ),
            policy=RetryPolicy(settings.retry_attempts, settings.retry_base_seconds),
            window_size=window_size(
                batch_size=run.batch_size, messages_per_call=provider.capabilities.messages_per_call
            ),
            lease_seconds=settings.lease_seconds,
            who=f"{socket.gethostname()}:{os.getpid()}",
            stop=lambda: stop() or opened.routes.of(run.organization_id) is not route,
            tally=tally if tally is not None else Tally(),
            is_ahead=not is_paced(min((rate for rate in rates if rate is not None), default=None)),
            page_size=page_size(run.send_rate_per_minute),
            quiet_hours=read_quiet_hours(run.quiet_hours),
            _executor=Strand(threads) if threads is not None else ThreadPoolExecutor(1, thread_name_prefix="journal"),
        )

    def _composers_for(self, run: Run, *, merges: bool) -> ContentComposers:
        literal = run.kind != RunKind.CAMPAIGN.value
        if (literal, merges) not in self._composers:
            self._composers[literal, merges] = ContentComposers(
                self._database,
                literal_sms=literal,
                merges=merges,
                links=links_of(self._settings),
                signers=self._signers,
            )
        return self._composers[literal, merges]


def send_run(
    database: Database,
    settings: Settings,
    run_id: UUID,
    epoch: int,
    *,
    stop: Callable[[], bool],
    tally: Tally | None = None,
) -> Tally:
    """Send one run as `Sender.send` does."""
    with Sender(database, settings) as sender:
        return sender.send(run_id, epoch, stop=stop, tally=tally)
