"""Sending all paced runs, of all organizations, on one event loop: each at its rate, and waiting holds no process.

Each run has a `Drainer` of its own, the same that a flow has, with its leases, fence, journal and rate. What they share
is the loop, the provider's connections, the lease keeper and a few threads for Postgres.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, field
from uuid import UUID

from models.session import DATABASE_AWAY, Database
from models.settings import Settings
from models.store.loose_ends import Orphan, epochs_sending, runs_to_pace
from tasks.sending.drain import Drainer
from tasks.sending.sender import Sender

log = logging.getLogger(__name__)

CONNECTIONS = 5
"""Of the database, beside the lease keeper's: threads that write journals, and one that looks."""

_THREADS = 4
_LOOK_SECONDS = 0.25
_MOST_RUNS = 1000  # in hand: what is more waits until one of these has nothing left
_MOST_AT_ONCE = 200  # of those, with a page in memory: the others wait for their turn


@dataclass(slots=True)
class _InHand:
    """A run that is being sent here."""

    epoch: int
    is_over: bool = False  # paused, cancelled, or started again
    task: asyncio.Task[None] | None = None


def send_paced(database: Database, settings: Settings, *, idle_seconds: float, stop: Callable[[], bool]) -> None:
    """Send paced runs until there was none for `idle_seconds`, or until `stop` says so; then all is given back.

    Closing them is the courier's. Ends as well when its leases could not be renewed, since the provider is cut off
    then: whoever started it starts another.
    """
    with Sender(database, settings) as sender, ThreadPoolExecutor(_THREADS, thread_name_prefix="journal") as threads:
        pacer = _Pacer(database, sender, threads, stop)
        sender.serve(pacer.serve(idle_seconds))


@dataclass(slots=True)
class _Pacer:
    database: Database
    sender: Sender
    threads: Executor
    stop: Callable[[], bool]
    _in_hand: dict[UUID, _InHand] = field(default_factory=dict)
    _slots: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(_MOST_AT_ONCE))
    _is_cut_off: bool = False

    async def serve(self, idle_seconds: float) -> None:
        """Take runs in hand as they come."""
        worked_at = time.monotonic()
        try:
            while not self._is_ending():
                await self._look()
                if self._in_hand:
                    worked_at = time.monotonic()
                elif time.monotonic() - worked_at >= idle_seconds:
                    return
                await asyncio.sleep(_LOOK_SECONDS)
        finally:
            for run in self._in_hand.values():
                run.is_over = True
            await asyncio.gather(*(run.task for run in self._in_hand.values() if run.task is not None))

    def _is_ending(self) -> bool:
        return self._is_cut_off or self.stop()

    async def _look(self) -> None:
        """Begin what is new, and end what is paused or cancelled: one that waits for its minute would not see it."""
        for run_id in [run_id for run_id, run in self._in_hand.items() if run.task is None or run.task.done()]:
            del self._in_hand[run_id]
        try:
            waiting, epochs = await asyncio.to_thread(self._read, list(self._in_hand))
        except DATABASE_AWAY as error:
            log.warning("Postgres is away; looking again: %s", str(error).splitlines()[0])
            return
        for run_id, run in self._in_hand.items():
            run.is_over = run.is_over or epochs.get(run_id) != run.epoch
        for found in waiting:
            if found.run_id not in self._in_hand and len(self._in_hand) < _MOST_RUNS:
                run = self._in_hand[found.run_id] = _InHand(found.epoch)
                run.task = asyncio.create_task(self._send(found.run_id, run))

    def _read(self, in_hand: list[UUID]) -> tuple[list[Orphan], dict[UUID, int]]:
        with self.database.transaction(None) as session:
            return list(runs_to_pace(session, limit=_MOST_RUNS)), epochs_sending(session, in_hand)

    async def _send(self, run_id: UUID, run: _InHand) -> None:
        try:
            found, channel = await asyncio.to_thread(self.sender.read, run_id)
            drainer = self.sender.drainer(
                found, run.epoch, channel, stop=lambda: run.is_over or self._is_ending(), threads=self.threads
            )
            await self._drain(drainer)
            await asyncio.to_thread(self.sender.note_success, found, drainer)
            log.info("Run %s, for now: %s", run_id, drainer.tally)
        except Exception:  # one run that cannot be sent must not hold up those of everybody else
            log.exception("Run %s cannot be sent from here.", run_id)
            with contextlib.suppress(*DATABASE_AWAY):
                await asyncio.to_thread(self.sender.note_failure, run_id)

    async def _drain(self, drainer: Drainer) -> None:
        try:
            is_there_more = True
            while is_there_more:
                async with self._slots:  # for one page: where there are too many runs they take turns
                    is_there_more = await drainer.drain_next()
                self._is_cut_off = self._is_cut_off or drainer.is_cut_off
            await drainer.give_back_tokens()
        finally:
            await asyncio.to_thread(drainer.close)
            await self.sender.let_go(drainer, is_well=not drainer.is_cut_off)
