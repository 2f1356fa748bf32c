"""What the courier looks for: runs that nobody moves on. For the engine, over all organizations."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, func, select, text, update
from sqlalchemy.orm import Session

from models.rules.lifecycle import RunKind, RunState
from models.rules.pacing import PACED_BELOW
from models.tables import Run, RunFlow


def runs_to_start(session: Session, *, queued_for_seconds: float, limit: int = 100) -> Sequence[Run]:
    """Runs whose flow should have been started by now: the outbox. For the engine, over all organizations."""
    return (
        session.execute(
            select(Run)
            .where(
                Run.state == RunState.QUEUED.value,
                Run.alive_at < _seconds_ago(queued_for_seconds),
                ~select(RunFlow.run_id).where(RunFlow.run_id == Run.id, RunFlow.epoch == Run.epoch).exists(),
            )
            .order_by(Run.alive_at)
            .limit(limit)
        )
        .scalars()
        .all()
    )


@dataclass(frozen=True, slots=True)
class SilentRun:
    """A run that gave no sign of life, for so many seconds, before there was anything to lease."""

    run_id: UUID
    epoch: int
    seconds: float
    is_campaign: bool
    is_planned: bool
    flow_run_ids: Sequence[UUID]


def silent_runs(session: Session, *, silent_for_seconds: float, limit: int) -> Sequence[SilentRun]:
    """Runs whose flow was started and gave no sign before there was anything to lease, the most silent first.

    While Prefect is away nothing is started: such a run is queued and has no flow (`runs_to_start`).
    """
    rows = session.execute(_SILENT, {"seconds": silent_for_seconds, "limit": limit})
    return [SilentRun(*row) for row in rows]


def requeue_stuck(session: Session, run: SilentRun) -> bool:
    """Queue it again, one epoch later, unless it gave a sign since; whether it was."""
    return _touch(session, run, state=RunState.QUEUED.value, epoch=Run.epoch + 1)


def leave_waiting(session: Session, run: SilentRun) -> bool:
    """Ask about it again later: its flow run waits its turn; whether it is still as it was."""
    return _touch(session, run)


def _touch(session: Session, run: SilentRun, **values: object) -> bool:
    touched = session.execute(
        update(Run)
        .where(
            Run.id == run.run_id,
            Run.epoch == run.epoch,
            Run.state.in_([RunState.QUEUED.value, RunState.PLANNING.value]),
            Run.alive_at <= _seconds_ago(run.seconds),
        )
        .values(alive_at=func.now(), **values)
        .returning(Run.id)
    )
    return touched.scalar_one_or_none() is not None


def flows_at_work(session: Session, *, limit: int = 1000) -> Sequence[RunFlow]:
    """Flow runs of Prefect that run, or are to run, campaigns at their present epoch; the latest first.

    The flow of a paced run has ended when it is planned, and one of a paused run soon.
    """
    is_paced = (Run.planned_at.is_not(None)) & (func.coalesce(Run.send_rate_per_minute, PACED_BELOW) < PACED_BELOW)
    return (
        session.execute(
            select(RunFlow)
            .join(Run, (Run.id == RunFlow.run_id) & (Run.epoch == RunFlow.epoch))
            .where(
                Run.state.in_([RunState.QUEUED.value, RunState.PLANNING.value, RunState.SENDING.value]),
                Run.kind == RunKind.CAMPAIGN.value,
                ~is_paced,
            )
            .order_by(RunFlow.created_at.desc())
            .limit(limit)
        )
        .scalars()
        .all()
    )


def runs_to_close(session: Session, *, limit: int = 50) -> Sequence[UUID]:
    """Runs with nothing left to send that nobody has ended yet."""
    return session.execute(_TO_CLOSE, {"limit": limit}).scalars().all()


@dataclass(frozen=True, slots=True)
class Orphan:
    """A sending run with chunks that nobody has."""

    run_id: UUID
    epoch: int


def orphaned_runs(session: Session, *, idle_seconds: float, limit: int = 20) -> Sequence[Orphan]:
    """Runs with a chunk whose lease ran out, or with free chunks and no sender at all for a while.

    Not those that are paced (`runs_to_pace`), nor those that rest, since no sender could send them; the latter in the
    next three as well.
    """
    rows = session.execute(_ORPHANED, {"idle": idle_seconds, "paced_below": PACED_BELOW, "limit": limit})
    return [Orphan(row.id, row.epoch) for row in rows]


def paused_after_a_death(session: Session, *, limit: int = 20) -> Sequence[Orphan]:
    """Paused runs with a chunk whose lease ran out: nobody takes it over before they are resumed."""
    return [Orphan(row.id, row.epoch) for row in session.execute(_PAUSED_AFTER_A_DEATH, {"limit": limit})]


def runs_to_drain(session: Session, kind: RunKind, *, limit: int) -> Sequence[Orphan]:
    """Sending runs of the kind with a chunk that nobody has, oldest first, of all organizations in turn."""
    rows = session.execute(_TO_DRAIN, {"kind": kind.value, "limit": limit})
    return [Orphan(row.id, row.epoch) for row in rows]


def runs_to_pace(session: Session, *, limit: int) -> Sequence[Orphan]:
    """Sending runs that are paced and have a chunk that nobody has, of all organizations in turn.

    A flow plans such a run and leaves it to the courier's pacer: they are no orphans.
    """
    rows = session.execute(_TO_PACE, {"paced_below": PACED_BELOW, "limit": limit})
    return [Orphan(row.id, row.epoch) for row in rows]


def epochs_sending(session: Session, run_ids: Sequence[UUID]) -> dict[UUID, int]:
    """Of these runs those that are being sent, with their epochs."""
    rows = session.execute(select(Run.id, Run.epoch).where(Run.id.in_(run_ids), Run.state == RunState.SENDING.value))
    return {row.id: row.epoch for row in rows}


def waits_for_drainer(session: Session, kind: RunKind) -> float | None:
    """For how many seconds the oldest free chunk of a sending run of the kind has waited; None when there is none."""
    waited: float | None = session.execute(_WAITS, {"kind": kind.value}).scalar_one()
    return waited


def runs_with_due_deferrals(session: Session, *, limit: int = 50) -> Sequence[UUID]:
    """Sending runs with messages whose next try is due."""
    return session.execute(_DUE, {"limit": limit}).scalars().all()


def runs_without_results(session: Session, *, limit: int = 5) -> Sequence[UUID]:
    """Campaign runs that ended without their results.parquet being written."""
    return (
        session.execute(
            select(Run.id)
            .where(
                Run.finished_at.is_not(None),
                Run.planned_at.is_not(None),
                Run.results_blob_id.is_(None),
                Run.kind == RunKind.CAMPAIGN.value,
                Run.finished_at < _seconds_ago(10),
                Run.finished_at > _seconds_ago(86_400),
            )
            .limit(limit)
        )
        .scalars()
        .all()
    )


def _seconds_ago(seconds: float) -> ColumnElement[datetime]:
    return func.now() - func.make_interval(0, 0, 0, 0, 0, 0, seconds)


# Later each time: in a long queue of flow runs every further start would make it longer.
_SILENT = text("""
    SELECT r.id, r.epoch, extract(epoch FROM now() - r.alive_at)::float, r.kind = 'campaign',
           r.planned_at IS NOT NULL, array_agg(f.flow_run_id)
    FROM runs r JOIN run_flows f ON f.run_id = r.id AND f.epoch = r.epoch
    WHERE r.state IN ('queued', 'planning') AND r.alive_at < now() - make_interval(secs => :seconds * r.epoch)
    GROUP BY r.id ORDER BY r.alive_at LIMIT :limit
""")

_TO_CLOSE = text("""
    SELECT r.id FROM runs r
    WHERE r.state = 'closing' OR (
        r.state = 'sending'
        AND NOT EXISTS (SELECT 1 FROM chunks c WHERE c.run_id = r.id AND c.state <> 'done')
        AND NOT EXISTS (SELECT 1 FROM deferrals d WHERE d.run_id = r.id))
    LIMIT :limit
""")

_ORPHANED = text("""
    SELECT r.id, r.epoch FROM runs r
    WHERE r.state = 'sending' AND (r.rest_until IS NULL OR r.rest_until < now())
      AND coalesce(r.send_rate_per_minute, :paced_below) >= :paced_below AND (
        EXISTS (SELECT 1 FROM chunks c WHERE c.run_id = r.id AND c.state = 'leased' AND c.lease_until < now())
        OR (EXISTS (SELECT 1 FROM chunks c WHERE c.run_id = r.id AND c.state = 'ready')
            AND r.alive_at < now() - make_interval(secs => :idle)
            AND NOT EXISTS (
                SELECT 1 FROM chunks c WHERE c.run_id = r.id AND c.state = 'leased' AND c.lease_until >= now())))
    LIMIT :limit
""")

_PAUSED_AFTER_A_DEATH = text("""
    SELECT r.id, r.epoch FROM runs r
    WHERE r.state = 'paused' AND EXISTS (
        SELECT 1 FROM chunks c WHERE c.run_id = r.id AND c.state = 'leased' AND c.lease_until < now())
    LIMIT :limit
""")

_DUE = text("""
    SELECT r.id FROM runs r
    WHERE r.state = 'sending' AND EXISTS (SELECT 1 FROM deferrals d WHERE d.run_id = r.id AND d.retry_at <= now())
    LIMIT :limit
""")

_TO_DRAIN = text("""
    SELECT r.id, r.epoch FROM runs r
    WHERE r.state = 'sending' AND r.kind = :kind AND (r.rest_until IS NULL OR r.rest_until < now()) AND EXISTS (
        SELECT 1 FROM chunks c
        WHERE c.run_id = r.id AND (c.state = 'ready' OR (c.state = 'leased' AND c.lease_until < now())))
    ORDER BY row_number() OVER (PARTITION BY r.organization_id ORDER BY r.id), r.id LIMIT :limit
""")

_TO_PACE = text("""
    SELECT r.id, r.epoch FROM runs r
    WHERE r.state = 'sending' AND r.send_rate_per_minute < :paced_below
      AND (r.rest_until IS NULL OR r.rest_until < now()) AND EXISTS (
        SELECT 1 FROM chunks c
        WHERE c.run_id = r.id AND (c.state = 'ready' OR (c.state = 'leased' AND c.lease_until < now())))
    ORDER BY row_number() OVER (PARTITION BY r.organization_id ORDER BY r.id), r.id LIMIT :limit
""")

_WAITS = text("""
    SELECT extract(epoch FROM now() - min(c.created_at))::float FROM runs r JOIN chunks c ON c.run_id = r.id
    WHERE r.state = 'sending' AND r.kind = :kind AND c.state = 'ready'
      AND (r.rest_until IS NULL OR r.rest_until < now())
""")
