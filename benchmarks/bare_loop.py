"""The sending loop without what makes it durable: the product's Drainer, composing and provider, with a journal that
writes nothing and asks nothing, and no leases. Whatever it sends stays planned."""

import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import UUID

from models.session import Database, driver
from models.settings import Settings
from models.store.chunks import Lease
from models.store.messages import PlannedMessage, Result
from tasks.providers.base import Outcome
from tasks.sending.drain import Drainer
from tasks.sending.journal import Clearance, Journal
from tasks.sending.lease_keeper import LeaseKeeper
from tasks.sending.sender import Sender

_CHUNKS = """
SELECT run_id, organization_id, no, fence, first_position, positions, size, cursor, false, 0 FROM chunks
WHERE run_id = %s ORDER BY no
"""


def send_without_journal(database: Database, settings: Settings, run_id: UUID) -> int:
    """Send a planned run by one sender and write nothing down; returns how many messages were accepted."""
    with database.transaction(None) as session:
        chunks = deque(Lease(*row) for row in driver(session).execute(_CHUNKS, [run_id]))
    with Sender(database, settings) as sender:
        run, channel = sender.read(run_id)
        drainer = sender.drainer(run, run.epoch, channel, stop=lambda: False)
        kept = drainer.journal
        drainer.journal = _NoJournal(
            database,
            kept.run_id,
            kept.organization_id,
            kept.epoch,
            channel,
            kept.provider,
            lambda: False,
            chunks=chunks,
        )
        drainer.keeper = _NoLeases(database, settings.lease_seconds)
        try:
            sender.serve(_drain(drainer))
        finally:
            drainer.close()
        return drainer.tally.accepted


async def _drain(drainer: Drainer) -> None:
    await drainer.drain()


@dataclass(frozen=True, slots=True)
class _NoJournal(Journal):
    """Reads the chunks' messages, which are what is sent. Says yes to every window."""

    chunks: deque[Lease] = field(default_factory=deque)

    def claim(self, who: str, lease_seconds: float) -> Lease | None:
        return self.chunks.popleft() if self.chunks else None

    def note(self, outcomes: Sequence[Outcome], *, troubled: bool) -> bool:
        return False

    def check(self, window: Sequence[PlannedMessage]) -> Clearance:
        return Clearance(go=True, suppressed=frozenset(), checked_at=time.monotonic(), at=datetime.now(UTC))

    def step(
        self,
        lease: Lease,
        results: Sequence[Result],
        *,
        cursor: int,
        upcoming: Sequence[PlannedMessage] = (),
        state: str = "leased",
    ) -> Clearance:
        return self.check(upcoming)

    def evidence(self, lease: Lease, results: Sequence[Result]) -> None:
        return None


class _NoLeases(LeaseKeeper):
    """Is not started, and loses nothing."""

    def hold(self, lease: Lease, claimed_at: float) -> None:
        return None

    def drop(self, lease: Lease) -> None:
        return None

    def is_lost(self) -> bool:
        return False
