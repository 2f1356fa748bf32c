"""What a request that sends at once writes: messages, run, chunks, outbox, and what it costs."""

from collections.abc import Callable
from decimal import Decimal

import pytest
from sqlalchemy import select, text

from models.errors import InsufficientCredits
from models.rules.lifecycle import ChunkState, RunKind
from models.store.contents import store_content
from models.store.ledger import read_balance
from models.store.outgoing import NewMessage
from models.tables import Chunk, LedgerEntry, Message, Outbox, Run
from tasks.runs.accept_messages import accept_run, accept_single
from tests.support.engine import Engine
from tests.support.message_ids import message_position

CENT = Decimal("0.01")


def _messages(engine: Engine, count: int, suppressed: frozenset[int] = frozenset()) -> list[NewMessage]:
    with engine.database.transaction(engine.organization_id) as session:
        values = {"channel": "sms", "text": "Hello", "sender_id": "ACME"}
        content = store_content(session, engine.organization_id, b"x" * 32, values)
    return [
        NewMessage(f"+3706000{no:04d}", content, Decimal(0), error_code="suppressed")
        if no in suppressed
        else NewMessage(f"+3706000{no:04d}", content, CENT, segments=1)
        for no in range(count)
    ]


def test_a_single_message_is_written_charged_and_in_the_outbox(make_engine: Callable[..., Engine]) -> None:
    engine = make_engine(contacts=1, credits_="1")
    [message] = _messages(engine, 1)
    with engine.database.transaction(engine.organization_id) as session:
        id_ = accept_single(session, engine.organization_id, "sms", message).message_id
    with engine.database.transaction(None) as session:
        row = session.execute(select(Message).where(Message.id == id_)).scalar_one()
        assert (row.run_id, row.state, row.recipient, row.segments) == (None, "planned", message.recipient, 1)
        assert session.execute(select(Outbox.run_id).where(Outbox.message_id == id_)).all() == [(None,)]
        entry = session.execute(select(LedgerEntry).where(LedgerEntry.message_id == id_)).scalar_one()
        assert entry.amount == -CENT
        assert read_balance(session, engine.organization_id).balance == Decimal("0.99")


def test_a_small_run_goes_through_the_outbox_without_what_is_suppressed(make_engine: Callable[..., Engine]) -> None:
    engine = make_engine(contacts=1)
    with engine.database.transaction(engine.organization_id) as session:
        rows = _messages(engine, 5, frozenset({2}))
        accepted = accept_run(session, engine.organization_id, RunKind.BULK, rows, engine.settings)
    assert (accepted.cost, accepted.needs_flow) == (4 * CENT, False)
    with engine.database.transaction(None) as session:
        chunk = session.execute(select(Chunk).where(Chunk.run_id == accepted.run_id)).scalar_one()
        assert (chunk.state, chunk.size, chunk.suppressed) == (ChunkState.OUTBOX, 4, 1)
        waiting = session.execute(select(Outbox.message_id).where(Outbox.run_id == accepted.run_id)).scalars()
        assert sorted(message_position(id_) for id_ in waiting) == [0, 1, 3, 4]


def test_a_large_run_has_chunks_for_senders(make_engine: Callable[..., Engine]) -> None:
    engine = make_engine(contacts=1, chunk_size=60)
    with engine.database.transaction(engine.organization_id) as session:
        rows = _messages(engine, 130, frozenset({0, 70}))
        accepted = accept_run(session, engine.organization_id, RunKind.BULK, rows, engine.settings)
    assert accepted.needs_flow
    with engine.database.transaction(None) as session:
        chunks = session.execute(select(Chunk).where(Chunk.run_id == accepted.run_id).order_by(Chunk.no)).scalars()
        shown = [(chunk.state, chunk.size, chunk.positions is None, chunk.suppressed) for chunk in chunks]
        assert shown == [("ready", 60, True, 2), ("ready", 60, False, 0), ("ready", 8, True, 0)]
        assert session.execute(text("SELECT count(*) FROM outbox")).scalar_one() == 0


def test_without_the_credits_nothing_is_written(make_engine: Callable[..., Engine]) -> None:
    engine = make_engine(contacts=1, credits_="0.04")
    rows = _messages(engine, 5)
    with pytest.raises(InsufficientCredits), engine.database.transaction(engine.organization_id) as session:
        accept_run(session, engine.organization_id, RunKind.BULK, rows, engine.settings)
    with engine.database.transaction(None) as session:
        assert session.execute(select(Run).where(Run.organization_id == engine.organization_id)).all() == []
        assert read_balance(session, engine.organization_id).balance == Decimal("0.04")
