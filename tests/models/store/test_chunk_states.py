"""Every pair of a chunk's states: what the store's functions move, and what they refuse and leave as it was."""

import contextlib
from collections.abc import Callable
from decimal import Decimal

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from models.errors import StaleLease
from models.rules.lifecycle import CHUNK_MOVES, ChunkState
from models.store import chunks
from models.store.chunks import Counts, Lease
from models.store.messages import cancel_chunk
from models.store.outbox_counts import count_decided
from models.tables import Run
from tests.support.engine import Engine
from tests.support.fixtures import database, make_engine

__all__ = ["database", "make_engine"]

# state: where it may go, written out a second time
CHUNKS = {"outbox": "done", "ready": "leased", "leased": "leased ready done", "done": ""}


def _lease(run: Run) -> Lease:
    """That of a sender who believes that the chunk is his."""
    return Lease(run.id, run.organization_id, 0, 1, 0, None, 2, 0, taken_over=False, uncertain=0)


def _claim(session: Session, run: Run) -> None:
    chunks.claim_chunk(session, run.id, 1, who="another", lease_seconds=15)


def _step(state: ChunkState) -> Callable[[Session, Run], None]:
    return lambda session, run: (
        chunks.advance(session, _lease(run), cursor=2, counts=Counts(accepted=2), state=state.value),
        None,
    )[1]


def _cancel(session: Session, run: Run) -> None:
    cancel_chunk(session, _lease(run))


def _decide(session: Session, run: Run) -> None:
    """The last of the outbox's messages is decided; it knows no other chunks."""
    found = session.execute(text("SELECT 1 FROM chunks WHERE run_id = :r AND state = 'outbox'"), {"r": run.id})
    if found.one_or_none():
        count_decided(session, {(run.id, _lease(run).no): (Counts(accepted=2), Decimal(0))})


FUNCTIONS: dict[str, Callable[[Session, Run], None]] = {
    "claim": _claim,
    "give back": _step(ChunkState.READY),
    "go on": _step(ChunkState.LEASED),
    "end": _step(ChunkState.DONE),
    "cancel": _cancel,
    "decide the last of the outbox": _decide,
}


def _bring(engine: Engine, run: Run, state: ChunkState) -> None:
    """A chunk in this state, of which nothing is handed over; a lease ran out just now."""
    with engine.database.transaction(None) as session:
        session.execute(
            text("""
                UPDATE chunks SET state = :state, fence = 1, cursor = 0, recorded = 0, accepted = 0, cancelled = 0,
                    lease_until = CASE WHEN :state = 'leased' THEN now() - interval '1 second' END
                WHERE run_id = :run
            """),
            {"state": state.value, "run": run.id},
        )
        session.execute(text("UPDATE messages SET state = 'planned' WHERE run_id = :run"), {"run": run.id})


def _row(engine: Engine, run: Run) -> dict[str, object]:
    with engine.database.transaction(None) as session:
        found = session.execute(text("SELECT * FROM chunks WHERE run_id = :r"), {"r": run.id}).one()
        return dict(found._mapping)


def _reached(engine: Engine, run: Run, source: ChunkState, function: Callable[[Session, Run], None]) -> object:
    """The state that the function brought the chunk to; None where it changed nothing at all."""
    _bring(engine, run, source)
    before = _row(engine, run)
    with contextlib.suppress(StaleLease), engine.database.transaction(None) as session:
        function(session, run)
    after = _row(engine, run)
    if after == before:
        assert engine.states(run) == {"planned": 2}
        return None
    return after["state"]


@pytest.mark.parametrize("source", ChunkState)
def test_a_chunk_moves_as_written_and_not_otherwise(make_engine: Callable[..., Engine], source: ChunkState) -> None:
    assert {target.value for target in CHUNK_MOVES[source]} == set(CHUNKS[source.value].split())
    engine = make_engine(contacts=2)
    run = engine.planned()
    reached = {name: _reached(engine, run, source, function) for name, function in FUNCTIONS.items()}
    assert {state for state in reached.values() if state} == set(CHUNKS[source.value].split()), reached


@pytest.mark.parametrize("fence", [1, 3])
@pytest.mark.parametrize("function", ["give back", "go on", "end", "cancel"])
def test_under_another_fence_nothing_moves(make_engine: Callable[..., Engine], fence: int, function: str) -> None:
    engine = make_engine(contacts=2)
    run = engine.planned()
    _bring(engine, run, ChunkState.LEASED)
    with engine.database.transaction(None) as session:
        session.execute(text("UPDATE chunks SET fence = :f WHERE run_id = :r"), {"f": fence - 1 or 2, "r": run.id})
    before = _row(engine, run)
    with pytest.raises(StaleLease), engine.database.transaction(None) as session:
        FUNCTIONS[function](session, run)
    assert _row(engine, run) == before
    assert engine.states(run) == {"planned": 2}
