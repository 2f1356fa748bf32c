"""The journal, where the connection breaks at the worst moment and where answers come late."""

from collections.abc import Callable
from decimal import Decimal

import pytest
from sqlalchemy import text

from models.rules.lifecycle import MessageState
from models.session import driver
from models.store import chunks, messages
from models.store.messages import Result, read_planned
from tasks.sending import journal as journal_module
from tasks.sending import rate as rate_module
from tasks.sending.journal import Journal


def _claim(engine, run):
    with engine.database.transaction(None) as session:
        lease = chunks.claim_chunk(session, run.id, 1, who="somebody", lease_seconds=15)
        assert lease is not None
        return lease, read_planned(session, lease)


def _journal(engine, run):
    return Journal(engine.database, run.id, engine.organization_id, 1, "email", "smtp", lambda: False)


def _result(message, state, seconds=None):
    return Result(message.id, message.position, state, retry_after_seconds=seconds)


def _break_connection(within) -> None:
    """End the server process of a session or connection, as an administrator or a restart does."""
    driver(within).execute("SELECT 1")
    pid = driver(within).info.backend_pid
    with driver(within).connect(driver(within).info.dsn, password=driver(within).info.password) as other:
        other.execute("SELECT pg_terminate_backend(%s)", [pid])


def _once(function: Callable[..., object], before: Callable[..., None]) -> Callable[..., object]:
    """`function`, whose first call does `before` with the same arguments."""
    calls = []

    def called(*arguments, **values):
        if not calls:
            calls.append(1)
            before(*arguments, **values)
        return function(*arguments, **values)

    return called


def _cancel_statement(session) -> None:
    """End a statement and leave the connection, as a time-out for a lock does."""
    driver(session).execute("SELECT pg_cancel_backend(pg_backend_pid()), pg_sleep(10)")


@pytest.mark.parametrize("break_", [_break_connection, _cancel_statement])
def test_a_step_that_breaks_in_the_middle_is_tried_again(make_engine, monkeypatch, break_):
    engine = make_engine(contacts=40)
    run = engine.planned()
    lease, planned = _claim(engine, run)
    monkeypatch.setattr(chunks, "advance", _once(chunks.advance, lambda session, *_, **__: break_(session)))
    assert _journal(engine, run).step(lease, [], cursor=20, upcoming=planned[:20]).go


def test_a_commit_whose_answer_got_lost_is_not_written_twice(make_engine, monkeypatch):
    engine = make_engine(contacts=40)
    run = engine.planned()
    lease, planned = _claim(engine, run)
    journal = _journal(engine, run)
    journal.step(lease, [], cursor=40, upcoming=planned)
    results = [_result(m, MessageState.DEFERRED, 0) for m in planned[:20]]

    def commit_then_break(session, *_, **__) -> None:
        # All was written; the courier even moved the second tries on before the sender came back.
        driver(session).execute("COMMIT")
        assert engine.requeue(run) == 20
        _break_connection(session)

    monkeypatch.setattr(
        journal_module.Journal, "clear", _once(Journal.clear, lambda _, session, __: commit_then_break(session))
    )
    journal.step(lease, results, cursor=40, upcoming=[])
    with engine.database.transaction(None) as session:
        rows = session.execute(text("SELECT no, deferred, recorded FROM chunks ORDER BY no")).all()
        waiting = session.execute(text("SELECT count(*) FROM deferrals")).scalar_one()
    assert ([tuple(row) for row in rows], waiting) == ([(0, 20, 20), (1, 0, 0)], 0)


def test_answers_survive_a_broken_connection_while_the_rate_is_asked_for(make_engine, monkeypatch):
    engine = make_engine(contacts=60)
    run = engine.planned(send_rate_per_minute=1200)  # one block of tokens a window
    take = rate_module.take_in_debt
    asked = []

    def break_at_the_third(connection, *arguments):
        asked.append(1)
        if len(asked) == 3:
            _break_connection(connection)
        return take(connection, *arguments)

    monkeypatch.setattr(rate_module, "take_in_debt", break_at_the_third)
    assert engine.send(run).accepted == 60
    assert engine.states(run) == {"accepted": 60}
    assert len(asked) >= 3


def test_only_what_came_late_as_a_refusal_is_refundable(make_engine):
    engine = make_engine(contacts=60)
    run = engine.planned()
    lease, planned = _claim(engine, run)
    journal = _journal(engine, run)
    journal.step(lease, [], cursor=40, upcoming=planned[:40])
    journal.step(lease, [_result(m, MessageState.FAILED) for m in planned[:20]], cursor=60, upcoming=planned[40:])
    engine.expire_leases(run)
    _claim(engine, run)
    late = [_result(m, MessageState.FAILED) for m in planned[:21]]
    late += [_result(m, MessageState.SUPPRESSED) for m in planned[21:40]]
    journal.evidence(lease, late)
    assert engine.states(run) == {"failed": 21, "uncertain": 39}
    with engine.database.transaction(None) as session:
        assert session.execute(text("SELECT sum(refundable) FROM chunks")).scalar_one() == Decimal("0.21")


def test_a_refusal_that_comes_after_the_close_is_refunded(make_engine):
    engine = make_engine(contacts=20)
    run = engine.planned()
    lease, planned = _claim(engine, run)
    journal = _journal(engine, run)
    journal.step(lease, [], cursor=20, upcoming=planned)
    engine.expire_leases(run)
    engine.send(run)
    assert engine.close(run) is not None
    assert engine.states(run) == {"uncertain": 20}
    journal.evidence(lease, [_result(m, MessageState.FAILED) for m in planned[:5]])
    assert engine.run(run).refunded == Decimal("0.05")
    assert engine.balance() == Decimal("1000") - Decimal("0.15")


def test_a_step_that_breaks_for_another_reason_keeps_the_answers(make_engine, monkeypatch):
    engine = make_engine(contacts=60)
    run = engine.planned()
    record = messages.record_results
    calls = []

    def record_or_break(*arguments, **values):
        calls.append(1)
        assert len(calls) != 2, "broken"
        record(*arguments, **values)

    monkeypatch.setattr(messages, "record_results", record_or_break)
    with pytest.raises(AssertionError, match="broken"):
        engine.send(run)
    # Two windows were recorded or kept as evidence, the third was never handed over.
    assert engine.states(run)["accepted"] >= 40
