"""Runs: making them, moving them, and adding up what their chunks did."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from uuid import UUID

from sqlalchemy import ColumnElement, func, select, text, update
from sqlalchemy.orm import Session

from models.errors import NotFound
from models.rules.lifecycle import RUN_MOVES, RunState, sources_of
from models.store.ledger import post
from models.tables import Chunk, Run, RunFlow


@dataclass(frozen=True, slots=True)
class Totals:
    """What became of a run's messages, in messages; `opened` and so on count recipients once."""

    recipients: int = 0
    sent: int = 0
    failed: int = 0
    suppressed: int = 0
    cancelled: int = 0
    uncertain: int = 0
    deferred: int = 0
    delivered: int = 0
    opened: int = 0
    clicked: int = 0
    bounced: int = 0
    complained: int = 0
    unsubscribed: int = 0
    segments: int = 0  # of SMS
    cost: Decimal = Decimal(0)  # held, and after the plan what was charged less what was refunded
    dropped: Mapping[str, int] = field(default_factory=dict)  # by reason, before there were recipients

    @property
    def pending(self) -> int:
        """Not decided yet: waiting in a chunk, or for a second try."""
        return self.recipients - self.sent - self.failed - self.suppressed - self.cancelled - self.uncertain


def read_run(session: Session, organization_id: UUID, run_id: UUID) -> Run:
    """The run. Raises NotFound."""
    run = session.execute(
        select(Run).where(Run.organization_id == organization_id, Run.id == run_id)
    ).scalar_one_or_none()
    if run is None:
        raise NotFound
    return run


def lock_run(session: Session, organization_id: UUID, run_id: UUID) -> Run:
    """The run, locked until the transaction ends. Raises NotFound."""
    run = session.execute(
        select(Run)
        .where(Run.organization_id == organization_id, Run.id == run_id)
        .with_for_update(key_share=True)  # new chunks refer to the run, and must not wait for this
        .execution_options(populate_existing=True)
    ).scalar_one_or_none()
    if run is None:
        raise NotFound
    return run


def lock_planning(session: Session, run_id: UUID) -> None:
    """Be the only one who plans the run until the transaction ends; others wait.

    An advisory lock, not the row's: a pause must not wait until a million messages are written.
    """
    session.execute(text("SELECT pg_advisory_xact_lock(hashtextextended(:run, 0))"), {"run": str(run_id)})


def find_run(session: Session, run_id: UUID) -> Run:
    """The run whatever its organization: for the engine, which is told nothing but the id. Raises NotFound."""
    run = session.get(Run, run_id)
    if run is None:
        raise NotFound(f"There is no run {run_id}.")
    return run


def move_run(
    session: Session,
    organization_id: UUID,
    run_id: UUID,
    target: RunState,
    *conditions: ColumnElement[bool],
    **values: object,
) -> bool:
    """Move the run to `target` and set `values`, if its state allows it and `conditions` hold; else return False."""
    moved = session.execute(
        update(Run)
        .where(
            Run.organization_id == organization_id,
            Run.id == run_id,
            Run.state.in_(sources_of(RUN_MOVES, target)),
            *conditions,
        )
        .values(state=target.value, **values)
        .returning(Run.id)
    ).one_or_none()
    return moved is not None


def fail_run(session: Session, run: Run, code: str, reason: str, *conditions: ColumnElement[bool]) -> bool:
    """Move the run to `failed`, for a reason that people read; False where its state or `conditions` forbid it."""
    return move_run(
        session,
        run.organization_id,
        run.id,
        RunState.FAILED,
        *conditions,
        failure_code=code,
        failure_reason=reason,
        finished_at=func.now(),
    )


def record_flow(session: Session, organization_id: UUID, run_id: UUID, flow_run_id: UUID, epoch: int) -> None:
    """Remember that a flow run of Prefect serves the run."""
    session.merge(RunFlow(run_id=run_id, flow_run_id=flow_run_id, organization_id=organization_id, epoch=epoch))
    session.flush()


def find_flow(session: Session, run_id: UUID, flow_run_id: UUID) -> RunFlow | None:
    """Which start of the run a flow run of Prefect serves, if any."""
    return session.get(RunFlow, (run_id, flow_run_id))


def campaign_totals(session: Session, organization_id: UUID, run_ids: Sequence[UUID]) -> dict[UUID, Totals]:
    """Totals of runs, by their ids. Sums chunks (a million messages are 200 of them), never messages."""
    if not run_ids:
        return {}
    chunks = (
        select(
            Chunk.run_id,
            *(
                func.sum(column).label(column.key)
                for column in (
                    Chunk.accepted,
                    Chunk.failed,
                    Chunk.suppressed,
                    Chunk.cancelled,
                    Chunk.uncertain,
                    Chunk.deferred,
                )
            ),
        )
        .where(Chunk.organization_id == organization_id, Chunk.run_id.in_(run_ids))
        .group_by(Chunk.run_id)
        .subquery()
    )
    rows = session.execute(
        select(Run, chunks)
        .outerjoin(chunks, chunks.c.run_id == Run.id)
        .where(Run.organization_id == organization_id, Run.id.in_(run_ids))
    )
    return {
        row.Run.id: Totals(
            recipients=row.Run.total_recipients or row.Run.quoted_recipients or 0,
            sent=row.accepted or 0,
            failed=row.failed or 0,
            suppressed=row.suppressed or 0,
            cancelled=row.cancelled or 0,
            uncertain=row.uncertain or 0,
            deferred=row.deferred or 0,
            delivered=row.Run.total_delivered,
            opened=row.Run.total_opened,
            clicked=row.Run.total_clicked,
            bounced=row.Run.total_bounced,
            complained=row.Run.total_complained,
            unsubscribed=row.Run.total_unsubscribed,
            segments=row.Run.total_segments,
            cost=_cost(row.Run),
            dropped={
                step["reason"]: step["dropped"] for step in (row.Run.funnel or {}).get("steps", []) if step["dropped"]
            },
        )
        for row in rows
    }


def _cost(run: Run) -> Decimal:
    if run.planned_at is not None:
        return run.charged - run.refunded
    return run.held if run.finished_at is None else Decimal(0)


def settle_run(session: Session, run: Run) -> Decimal:
    """Refund what the run was charged for messages that no provider has, less what was refunded before.

    `run` must be locked. Returns the amount of this refund; may be called any number of times.
    """
    refundable = session.execute(
        select(func.coalesce(func.sum(Chunk.refundable), 0)).where(Chunk.run_id == run.id)
    ).scalar_one()
    due = Decimal(refundable) - run.refunded
    if due <= 0:
        return Decimal(0)
    # The sum refunded so far is part of the key: a repeat of the same refund is the same entry.
    post(
        session,
        run.organization_id,
        kind="refund",
        amount=due,
        key=f"refund:{run.id}:{refundable}",
        reason="Messages that no provider accepted",
        run_id=run.id,
    )
    run.refunded += due
    session.flush()
    return due


def release_hold(session: Session, run: Run) -> None:
    """Give back what was held for the run, once. `run` must be locked."""
    if run.held > 0:
        post(
            session,
            run.organization_id,
            kind="release",
            amount=run.held,
            key=f"release:{run.id}",
            reason="Hold released",
            run_id=run.id,
        )


def note_send_failure(session: Session, run_id: UUID) -> None:
    """A sender broke: the next is started in 15 seconds, after twice as long each further time, 5 minutes at most."""
    session.execute(_REST, {"run": run_id})


def rest_run(session: Session, run_id: UUID, seconds: float) -> None:
    """No sender is started before so many seconds have passed."""
    until = func.now() + func.make_interval(0, 0, 0, 0, 0, 0, seconds)
    session.execute(update(Run).where(Run.id == run_id).values(rest_until=until))


def rests(session: Session, run_id: UUID) -> bool:
    """Whether no sender is to be started now."""
    return session.execute(select(Run.rest_until > func.now()).where(Run.id == run_id)).scalar_one() is True


def forget_send_failures(session: Session, run_id: UUID) -> None:
    """A sender worked."""
    session.execute(update(Run).where(Run.id == run_id).values(send_failures=0, rest_until=None))


_REST = text("""
    UPDATE runs SET send_failures = send_failures + 1,
                    rest_until = now() + make_interval(secs => least(300, 15 * 2 ^ least(send_failures, 5)))
    WHERE id = :run
""")


def say_alive(session: Session, run_id: UUID) -> None:
    """The run's flow lives."""
    session.execute(update(Run).where(Run.id == run_id).values(alive_at=func.now()))
