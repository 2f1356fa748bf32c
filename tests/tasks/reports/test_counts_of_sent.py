"""What is sent is counted by the day in the transaction that records it, and what will be reported is parked there."""

from collections.abc import Callable, Sequence

from psycopg import OperationalError
from sqlalchemy import text

from models.rules.lifecycle import MessageState
from models.rules.reports import Report, ReportKind
from models.store import chunks
from models.store.chunks import Lease
from models.store.incoming_events import forget_old_keys
from models.store.messages import PlannedMessage, Result, read_planned
from models.store.rollups import count_sent
from models.tables import Run
from tasks.reports.apply import apply_due
from tasks.sending.journal import Journal
from tests.support.engine import Engine


def _claimed(engine: Engine, run: Run) -> tuple[Journal, Lease, list[PlannedMessage]]:
    with engine.database.transaction(None) as session:
        lease = chunks.claim_chunk(session, run.id, 1, who="test", lease_seconds=15)
        assert lease is not None
        planned = read_planned(session, lease)
    return Journal(engine.database, run.id, engine.organization_id, 1, "email", "test", lambda: False), lease, planned


def _accepted(messages: Sequence[PlannedMessage]) -> list[Result]:
    reports = (Report(ReportKind.DELIVERED),)
    return [Result(each.id, each.position, MessageState.ACCEPTED, reports=reports) for each in messages]


def _sent_and_parked(engine: Engine) -> tuple[int, int]:
    with engine.database.transaction(None) as session:
        row = session.execute(
            text("SELECT (SELECT sum(sent) FROM daily_counts)::int, (SELECT count(*) FROM incoming_events)")
        ).one()
    return row[0] or 0, row[1]


def test_answers_are_counted_with_the_step_and_late_ones_with_the_evidence(make_engine: Callable[..., Engine]) -> None:
    engine = make_engine(contacts=60)
    run = engine.planned()
    journal, lease, planned = _claimed(engine, run)
    journal.step(lease, [], cursor=40, upcoming=planned[:40])
    journal.step(lease, _accepted(planned[:20]), cursor=40)
    assert _sent_and_parked(engine) == (20, 20)
    engine.expire_leases(run)
    _claimed(engine, run)
    journal.evidence(lease, _accepted(planned[20:35]))
    journal.evidence(lease, _accepted(planned[20:35]))
    assert _sent_and_parked(engine)[0] == 35
    assert apply_due(engine.database) >= 35
    assert engine.states(run) == {"delivered": 35, "uncertain": 5, "planned": 20}
    assert engine.totals(run).delivered == 35


def test_a_commit_that_was_lost_counts_once(make_engine: Callable[..., Engine], monkeypatch) -> None:
    engine = make_engine(contacts=20)
    run = engine.planned()
    journal, lease, planned = _claimed(engine, run)
    journal.step(lease, [], cursor=20, upcoming=planned)
    clear, calls = Journal.clear, []

    def break_before_the_end(self, session, window):
        calls.append(1)
        if len(calls) == 1:
            session.commit()  # it was committed, and the connection broke before the answer came
            raise OperationalError("gone")
        return clear(self, session, window)

    monkeypatch.setattr(Journal, "clear", break_before_the_end)
    journal.step(lease, _accepted(planned), cursor=20)
    assert (len(calls), _sent_and_parked(engine)) == (2, (20, 20))


def test_connections_count_side_by_side(make_engine: Callable[..., Engine]) -> None:
    engine = make_engine(contacts=1)
    with engine.database.transaction(None) as first, engine.database.transaction(None) as second:
        first.execute(text("SET LOCAL lock_timeout = '2s'"))
        count_sent(first, engine.organization_id, "email", 3)
        pids = [each.execute(text("SELECT pg_backend_pid() % 16")).scalar_one() for each in (first, second)]
        if pids[0] != pids[1]:  # else it would wait for the other, which is what the shards make rare
            count_sent(second, engine.organization_id, "email", 4)
    assert _sent_and_parked(engine)[0] == (7 if pids[0] != pids[1] else 3)


def test_keys_of_old_reports_are_forgotten(make_engine: Callable[..., Engine]) -> None:
    engine = make_engine(contacts=1)
    with engine.database.transaction(None) as session:
        session.execute(
            text("""
                INSERT INTO event_keys (provider, key, made_at)
                VALUES ('p', 'old', now() - interval '36 days'), ('p', 'new', now() - interval '34 days')
            """)
        )
        assert forget_old_keys(session, days=35, limit=10) == 1
        assert session.execute(text("SELECT key FROM event_keys")).scalars().all() == ["new"]
