"""The journal of a chunk: what a sender intends (the cursor) and what came of it, one transaction a window."""

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TypeVar
from uuid import UUID

from sqlalchemy.orm import Session

from models.errors import StaleLease
from models.session import DATABASE_AWAY, Database
from models.store import chunks, messages
from models.store.chunks import Lease
from models.store.clearance import ask
from models.store.incoming_events import park_reports
from models.store.message_references import keep_references
from models.store.messages import PlannedMessage, Result
from models.store.rollups import count_sent
from models.store.runs import lock_run, settle_run
from tasks.providers.base import Outcome
from tasks.sending.circuit import Circuit
from tasks.sending.results import count_results
from tasks.webhooks.telling import KnownListeners, tell_results

log = logging.getLogger(__name__)
_T = TypeVar("_T")

# A restart of Postgres takes seconds; longer than this the lease is gone and the answers become evidence.
_EVIDENCE_SECONDS = 300.0
_PATIENCE_SECONDS = 60.0
_PAUSE_SECONDS = 0.25
# A sender that is cut off in the middle of a transaction keeps its chunk locked, and nobody takes over what is locked.
SILENT_SECONDS = 5


@dataclass(frozen=True, slots=True)
class Clearance:
    """What is true for the next window right now: may it go out, and for whom not."""

    go: bool
    suppressed: frozenset[str]
    checked_at: float  # time.monotonic
    at: datetime  # the same moment, by the database's clock
    troubled: bool = False  # the provider was not well lately


_NEVER = datetime.min.replace(tzinfo=UTC)
NO_CLEARANCE = Clearance(go=False, suppressed=frozenset(), checked_at=0.0, at=_NEVER)
NOTHING_SAID = Clearance(go=True, suppressed=frozenset(), checked_at=0.0, at=_NEVER)  # yet: the window's own step will


@dataclass(frozen=True, slots=True)
class Journal:
    """Writes for one sender. Blocking: called from a thread of its own, one call at a time."""

    database: Database
    run_id: UUID
    organization_id: UUID
    epoch: int
    channel: str
    provider: str
    lost: Callable[[], bool]
    listeners: KnownListeners = field(default_factory=KnownListeners)
    look: Callable[[Session], None] = lambda _: None  # for what else is to be known before a window

    @property
    def circuit(self) -> Circuit:
        """The provider's."""
        return Circuit.of(self.database, self.channel, self.provider)

    def claim(self, who: str, lease_seconds: float) -> Lease | None:
        """The next free chunk of the run, leased; None when there is none, or when the provider is left alone."""

        def take() -> Lease | None:
            with self.database.transaction(None, silent_seconds=SILENT_SECONDS) as session:
                admission = self.circuit.admit(session)
                if not admission.go:
                    return None
                found = chunks.claim_chunk(session, self.run_id, self.epoch, who=who, lease_seconds=lease_seconds)
                if not admission.probes:
                    return found
                if found is None:
                    self.circuit.give_up_probe(session)
                    return None
                return replace(found, probes=True)

        lease = self.insist(take)
        if lease is not None and lease.taken_over:
            log.warning("Chunk %s taken over from a dead sender; %s uncertain.", lease.no, lease.uncertain)
        return lease

    def read(self, lease: Lease, most: int | None = None) -> list[PlannedMessage]:
        """The chunk's messages from its cursor on; the first `most` of them."""

        def look() -> list[PlannedMessage]:
            with self.database.transaction(None) as session:
                return messages.read_planned(session, lease, most=most)

        return self.insist(look)

    def clear(self, session: Session, window: Sequence[PlannedMessage]) -> Clearance:
        """Whether the run still sends at this epoch by a provider that works, and who opted out since the plan."""
        now = time.monotonic()
        self.look(session)
        found = ask(
            session,
            run_id=self.run_id,
            epoch=self.epoch,
            provider=self.circuit.name,
            organization_id=self.organization_id,
            channel=self.channel,
            recipients=[message.recipient for message in window],
        )
        return Clearance(
            found.sends and not found.provider.is_held,
            found.suppressed,
            now,
            found.at,
            troubled=found.provider.troubled,
        )

    def note(self, outcomes: Sequence[Outcome], *, troubled: bool) -> bool:
        """Tell everybody what a window says of the provider; returns whether nothing more may go out for now."""
        return self.circuit.note(outcomes, troubled=troubled)

    def check(self, window: Sequence[PlannedMessage]) -> Clearance:
        """`clear` in a transaction of its own, for a window that had to wait."""

        def look() -> Clearance:
            with self.database.transaction(None) as session:
                return self.clear(session, window)

        return self.insist(look)

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
        commit was lost with the connection is recognised by how much is recorded, and not written twice.
        """
        recorded: int | None = None  # what it comes to if the try before was committed after all

        def write() -> Clearance:
            nonlocal recorded
            with self.database.transaction(None, silent_seconds=SILENT_SECONDS) as session:
                if not (results and recorded and chunks.recorded_under(session, lease) == recorded):
                    refundable = messages.refundable_cost(session, lease, results)
                    counts = count_results(results)
                    recorded = chunks.advance(
                        session, lease, cursor=cursor, counts=counts, refundable=refundable, state=state
                    )
                    if results:
                        messages.record_results(session, lease, results, provider=self.provider)
                        park_reports(session, self.organization_id, self.provider, results)
                        keep_references(session, self.organization_id, self.provider, results)
                        count_sent(session, self.organization_id, self.channel, counts.accepted)
                        self._tell(session, results)
                return self.clear(session, upcoming)

        return self.insist(write)

    def evidence(self, lease: Lease, results: Sequence[Result]) -> None:
        """Keep true answers that came after the lease was lost: uncertain → accepted is always legal.

        The run may be closed by then: what is refundable is refunded, and its results are written anew.
        """
        if not results:
            return
        deadline = time.monotonic() + _EVIDENCE_SECONDS
        while True:
            try:
                self._keep_evidence(lease, results)
            except DATABASE_AWAY:
                if time.monotonic() > deadline:
                    log.warning("Chunk %s: the answers of %s messages could not be kept.", lease.no, len(results))
                    return
                time.sleep(_PAUSE_SECONDS)
            else:
                return

    def _keep_evidence(self, lease: Lease, results: Sequence[Result]) -> None:
        with self.database.transaction(None, silent_seconds=SILENT_SECONDS) as session:
            run = lock_run(session, lease.organization_id, lease.run_id)  # run before chunk, as everywhere
            chunks.lock_chunk(session, lease)
            moved, refundable = messages.record_evidence(session, lease, results, provider=self.provider)
            chunks.adjust(session, lease, moved, refundable)
            park_reports(session, self.organization_id, self.provider, results)
            keep_references(session, self.organization_id, self.provider, results)
            count_sent(session, self.organization_id, self.channel, moved.accepted)
            self._tell(session, results)
            if run.finished_at is not None:
                settle_run(session, run)
                run.results_blob_id = None

    def _tell(self, session: Session, results: Sequence[Result]) -> None:
        tell_results(session, self.channel, results, self.listeners.now(session, self.organization_id))

    def insist(self, work: Callable[[], _T]) -> _T:
        """Do it as often as Postgres is away. Raises StaleLease when that took longer than the lease."""
        deadline = time.monotonic() + _PATIENCE_SECONDS
        # Postgres may be restarted under us. What was handed over is known here only: try until the lease is lost.
        while True:
            try:
                return work()
            except DATABASE_AWAY as error:
                if self.lost() or time.monotonic() > deadline:
                    raise StaleLease(f"Postgres was away for longer than the lease of run {self.run_id}.") from error
                log.warning("Postgres is away; trying again: %s", str(error).splitlines()[0])
                time.sleep(_PAUSE_SECONDS)
