"""The journal of a chunk: what a sender intends (the cursor) and what came of it, one transaction a window."""

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.orm import Session

from models.errors import StaleLease
from models.rules.lifecycle import RunState
from models.session import Database, driver
from models.store import chunks, messages
from models.store.chunks import Lease
from models.store.messages import PlannedMessage, Result
from models.tables import Run
from tasks.sending.results import count_results

log = logging.getLogger(__name__)
_T = TypeVar("_T")

# A restart of Postgres takes seconds; longer than this the lease is gone and the answers become evidence.
_EVIDENCE_SECONDS = 300.0
_PATIENCE_SECONDS = 60.0
_PAUSE_SECONDS = 0.25


@dataclass(frozen=True, slots=True)
class Clearance:
    """What is true for the next window right now: may it go out, and for whom not."""

    go: bool
    suppressed: frozenset[str]
    checked_at: float  # time.monotonic


@dataclass(frozen=True, slots=True)
class Journal:
    """Writes for one sender. Blocking: called from a thread of its own, one call at a time."""

    database: Database
    run_id: UUID
    organization_id: UUID
    epoch: int
    provider: str
    lost: Callable[[], bool]

    def claim(self, who: str, lease_seconds: float) -> Lease | None:
        """The next free chunk of the run, leased; None when there is none."""

        def take() -> Lease | None:
            with self.database.transaction(None) as session:
                return chunks.claim_chunk(session, self.run_id, self.epoch, who=who, lease_seconds=lease_seconds)

        lease = self._insist(take)
        if lease is not None and lease.taken_over:
            log.warning("Chunk %s taken over from a dead sender; %s uncertain.", lease.no, lease.uncertain)
        return lease

    def read(self, lease: Lease) -> list[PlannedMessage]:
        """The chunk's messages from its cursor on."""

        def look() -> list[PlannedMessage]:
            with self.database.transaction(None) as session:
                return messages.read_planned(session, lease)

        return self._insist(look)

    def clear(self, session: Session, window: Sequence[PlannedMessage]) -> Clearance:
        """Whether the run still sends at this epoch, and who of the window opted out since the plan."""
        now = time.monotonic()
        run = session.execute(select(Run.state, Run.epoch).where(Run.id == self.run_id)).one()
        go = run.state == RunState.SENDING.value and run.epoch == self.epoch
        if not window or not go:
            return Clearance(go, frozenset(), now)
        recipients = [message.recipient for message in window]
        suppressed = messages.suppressed_among(session, self.organization_id, "email", recipients)
        return Clearance(go, frozenset(suppressed), now)

    def check(self, window: Sequence[PlannedMessage]) -> Clearance:
        """`clear` in a transaction of its own, for a window that had to wait."""

        def look() -> Clearance:
            with self.database.transaction(None) as session:
                return self.clear(session, window)

        return self._insist(look)

    def step(
        self,
        lease: Lease,
        results: Sequence[Result],
        *,
        cursor: int,
        upcoming: Sequence[PlannedMessage] = (),
        state: str = "leased",
    ) -> Clearance:
        """Record results and move the cursor past `upcoming`, which may go out after this returns.

        Raises StaleLease when the chunk is another sender's; the results then belong to `evidence`. A step whose
        commit was lost with the connection is recognised by its results and not written twice.
        """
        tried = False

        def write() -> Clearance:
            nonlocal tried
            with self.database.transaction(None) as session:
                if not (tried and results and self._is_written(session, lease, results[0])):
                    tried = True
                    refundable = messages.refundable_cost(session, lease, results)
                    counts = count_results(results)
                    chunks.advance(session, lease, cursor=cursor, counts=counts, refundable=refundable, state=state)
                    if results:
                        messages.record_results(session, lease, results, provider=self.provider)
                return self.clear(session, upcoming)

        return self._insist(write)

    def evidence(self, lease: Lease, results: Sequence[Result]) -> None:
        """Keep true answers that came after the lease was lost: uncertain → accepted is always legal."""
        if not results:
            return
        deadline = time.monotonic() + _EVIDENCE_SECONDS
        while True:
            try:
                with self.database.transaction(None) as session:
                    chunks.lock_chunk(session, lease)
                    moved = messages.record_evidence(session, lease, results, provider=self.provider)
                    refundable = messages.refundable_cost(session, lease, results) if moved.failed else 0
                    chunks.adjust(session, lease, moved, refundable)
            except (OperationalError, InterfaceError):
                if time.monotonic() > deadline:
                    log.warning("Chunk %s: the answers of %s messages could not be kept.", lease.no, len(results))
                    return
                time.sleep(_PAUSE_SECONDS)
            else:
                return

    def _is_written(self, session: Session, lease: Lease, result: Result) -> bool:
        chunks.lock_chunk(session, lease)
        row = driver(session).execute("SELECT state FROM messages WHERE id = %s", [result.id]).fetchone()
        return row is not None and row[0] == result.state.value

    def _insist(self, work: Callable[[], _T]) -> _T:
        deadline = time.monotonic() + _PATIENCE_SECONDS
        # Postgres may be restarted under us. What was handed over is known here only: try until the lease is lost.
        while True:
            try:
                return work()
            except (OperationalError, InterfaceError) as error:
                if self.lost() or time.monotonic() > deadline:
                    raise StaleLease(f"Postgres was away for longer than the lease of run {self.run_id}.") from error
                log.warning("Postgres is away; trying again: %s", str(error).splitlines()[0])
                time.sleep(_PAUSE_SECONDS)
