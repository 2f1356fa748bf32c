"""Every pair of a message's states: what the store's functions move, and what they refuse and leave as it was.

Each function that writes a message's state is called on a message in each state. Together they must make exactly the
moves of the table, and none may make one that is not in it.
"""

import contextlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from models.rules.ids import message_ids, new_id
from models.rules.lifecycle import MESSAGE_MOVES, MessageState
from models.rules.reports import ReportKind
from models.store import chunks, outbox
from models.store.chunks import Lease
from models.store.messages import Result, cancel_chunk, record_by_id, record_evidence, record_results
from models.tables import IncomingEvent, Run
from tasks.reports.apply import apply_batch
from tests.support.engine import Engine
from tests.support.fixtures import database, make_engine

__all__ = ["database", "make_engine"]

START = datetime(2026, 1, 15, 10, 30, tzinfo=UTC)
DECIDED_ELSEWHERE = {("uncertain", "planned")}
"""The policy `resend`: whoever decides uncertain messages makes this move."""

# What is known of a message in a state that comes from reports.
_FACTS = {
    MessageState.DELIVERED: ("delivered_at",),
    MessageState.OPENED: ("delivered_at", "opened_at"),
    MessageState.CLICKED: ("delivered_at", "opened_at", "clicked_at"),
    MessageState.BOUNCED: ("bounced_at",),
    MessageState.COMPLAINED: ("delivered_at", "complained_at"),
}
_TIMES = ("delivered_at", "opened_at", "clicked_at", "bounced_at", "complained_at", "unsubscribed_at")

Function = Callable[[Session, Run], object]


def _lease(run: Run) -> Lease:
    return Lease(run.id, run.organization_id, 0, 1, 0, None, 1, 0, taken_over=False, uncertain=0)


def _result(run: Run, state: MessageState) -> Result:
    return Result(message_ids(run.id, 1)[0], 0, state, retry_after_seconds=60.0)


def _record(state: MessageState) -> Function:
    return lambda session, run: record_results(session, _lease(run), [_result(run, state)], provider="smtp")


def _evidence(state: MessageState) -> Function:
    return lambda session, run: record_evidence(session, _lease(run), [_result(run, state)], provider="smtp")


def _outbox_evidence(state: MessageState) -> Function:
    return lambda session, run: record_by_id(session, [_result(run, state)], [MessageState.UNCERTAIN], provider="smtp")


def _take_over(session: Session, run: Run) -> object:
    session.execute(
        text("UPDATE chunks SET state = 'leased', cursor = 1, lease_until = now() - interval '1 second'"),
    )
    return chunks.claim_chunk(session, run.id, 1, who="another", lease_seconds=15)


def _cancel(session: Session, run: Run) -> object:
    session.execute(text("UPDATE chunks SET state = 'leased', fence = 1"))
    return cancel_chunk(session, _lease(run))


def _try_again(session: Session, run: Run) -> object:
    """Only what is deferred is in `deferrals`."""
    session.execute(
        text("""
            INSERT INTO deferrals (run_id, position, organization_id, retry_at)
            SELECT run_id, position, organization_id, now() FROM messages WHERE run_id = :run AND state = 'deferred'
        """),
        {"run": run.id},
    )
    return chunks.requeue_due(session, run.id, limit=10)


def _into_outbox(session: Session, run: Run, claimed: str) -> None:
    session.execute(
        text(f"""
            INSERT INTO outbox (message_id, organization_id, run_id, channel, claimed_until)
            SELECT id, organization_id, run_id, channel, {claimed} FROM messages WHERE run_id = :run
        """),
        {"run": run.id},
    )


def _claim(session: Session, run: Run) -> object:
    _into_outbox(session, run, "NULL")
    return outbox.claim(session, "email", who="courier", seconds=15, limit=10)


def _courier_is_gone(session: Session, run: Run) -> object:
    _into_outbox(session, run, "now() - interval '1 second'")
    return outbox.take_lost(session, limit=10)


def _report(kind: ReportKind, **payload: object) -> Function:
    def come_in(session: Session, run: Run) -> object:
        event = IncomingEvent(
            id=new_id(),
            organization_id=run.organization_id,
            provider="test",
            key="only",
            message_id=message_ids(run.id, 1)[0],
            kind=kind.value,
            occurred_at=START + timedelta(hours=1),
            payload=payload,
        )
        session.add(event)
        session.flush()
        return apply_batch(session)

    return come_in


_HANDED_OVER = [
    MessageState.ACCEPTED,
    MessageState.FAILED,
    MessageState.DEFERRED,
    MessageState.UNCERTAIN,
    MessageState.SUPPRESSED,
]
FUNCTIONS: dict[str, Function] = {
    **{f"the journal records {state}": _record(state) for state in _HANDED_OVER},
    **{f"evidence of {s}": _evidence(s) for s in (MessageState.ACCEPTED, MessageState.FAILED)},
    **{f"evidence of {s} to a courier": _outbox_evidence(s) for s in (MessageState.ACCEPTED, MessageState.FAILED)},
    "a dead sender's chunk is taken over": _take_over,
    "a chunk is cancelled": _cancel,
    "a second try is due": _try_again,
    "a courier claims it": _claim,
    "a courier is gone": _courier_is_gone,
    **{f"{kind} is reported": _report(kind, bounce_type="hard") for kind in ReportKind},
    "an open by a machine is reported": _report(ReportKind.OPENED, proxy=True),
}


def _bring(engine: Engine, run: Run, state: MessageState) -> None:
    """The message in this state, with what is known of one, and nothing else of the last try left."""
    known = ", ".join(f"{name} = {':at' if name in _FACTS.get(state, ()) else 'NULL'}" for name in _TIMES)
    with engine.database.transaction(None) as session:
        for table in ("outbox", "deferrals", "incoming_events", "event_keys", "suppressions"):
            session.execute(text(f"DELETE FROM {table}"))
        session.execute(text("DELETE FROM chunks WHERE no > 0"))
        session.execute(
            text("UPDATE chunks SET state = 'ready', cursor = 0, recorded = 0, fence = 0, lease_until = NULL")
        )
        statement = f"UPDATE messages SET state = :state, first_tried_at = :at, {known} WHERE run_id = :run"
        session.execute(text(statement), {"state": state.value, "at": START, "run": run.id})


def _reached(engine: Engine, run: Run, source: MessageState, function: Function) -> str:
    _bring(engine, run, source)
    # The journal asserts that what it records was planned, and writes nothing else.
    with contextlib.suppress(AssertionError), engine.database.transaction(None) as session:
        function(session, run)
    [state] = engine.states(run)
    return state


@pytest.mark.parametrize("source", MessageState)
def test_a_message_moves_as_written_and_not_otherwise(make_engine: Callable[..., Engine], source: MessageState) -> None:
    engine = make_engine(contacts=1)
    run = engine.planned()
    reached = {name: _reached(engine, run, source, function) for name, function in FUNCTIONS.items()}
    moves = {state for state in reached.values() if state != source}
    elsewhere = {target for state, target in DECIDED_ELSEWHERE if state == source}
    assert moves == {target.value for target in MESSAGE_MOVES[source]} - elsewhere, reached
