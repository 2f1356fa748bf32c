"""One sender for all runs of a kind."""

import pytest
from sqlalchemy import text

from models.errors import SetupError
from models.pipelines import SEND_BULK
from models.rules.lifecycle import RunKind
from models.store import heartbeats
from models.store.loose_ends import orphaned_runs, runs_to_drain, waits_for_drainer
from models.store.runs import note_send_failure
from tasks.runs.alive import beating
from tasks.sending.draining import Drained, drain_runs
from tasks.sending.sender import Sender, send_run
from tests.support.engine import Engine
from tests.support.outbox import message_states, small_run


def _numbers(count: int, first: int = 0) -> list[str]:
    return [f"+3706{first + no:07d}" for no in range(count)]


def _drain(engine: Engine, kind: RunKind) -> Drained:
    drained = Drained()
    drain_runs(engine.database, engine.settings, kind, idle_seconds=0, stop=lambda: False, drained=drained)
    return drained


def test_runs_of_all_organizations_are_sent_and_closed(make_engine):
    engine = make_engine(contacts=1)
    accepted = [small_run(whose, RunKind.BULK, _numbers(150)) for whose in (engine, engine.another(), engine)]
    assert all(run.needs_flow for run in accepted)
    drained = _drain(engine, RunKind.BULK)
    assert {run: tally.accepted for run, tally in drained.runs.items()} == {run.run_id: 150 for run in accepted}
    assert {engine.find(run.run_id).state for run in accepted} == {"completed"}


def test_it_takes_its_own_kind_only_and_nothing_of_the_outbox(make_engine):
    engine = make_engine(contacts=1)
    bulk = small_run(engine, RunKind.BULK, _numbers(150))
    small = small_run(engine, RunKind.BULK, _numbers(10))
    batch = small_run(engine, RunKind.BATCH, [f"c{no}@example.com" for no in range(150)])
    assert _drain(engine, RunKind.BATCH).runs.keys() == {batch.run_id}
    assert message_states(engine) == {"accepted": 150, "planned": 160}
    assert _drain(engine, RunKind.BULK).runs.keys() == {bulk.run_id}
    assert engine.find(small.run_id).state == "sending"


def test_organizations_take_turns(make_engine):
    engine = make_engine(contacts=1)
    first = [small_run(engine, RunKind.BULK, _numbers(101)).run_id for _ in range(3)]
    second = small_run(engine.another(), RunKind.BULK, _numbers(101)).run_id
    with engine.database.transaction(None) as session:
        assert [run.run_id for run in runs_to_drain(session, RunKind.BULK, limit=9)] == [first[0], second, *first[1:]]


def test_a_run_that_cannot_be_sent_holds_up_nobody(make_engine, monkeypatch):
    engine = make_engine(contacts=1)
    broken, good = (small_run(engine, RunKind.BULK, _numbers(101)).run_id for _ in range(2))
    send = Sender.send

    def send_or_break(self, run_id, epoch, **values):
        if run_id == broken:
            raise RuntimeError("broken")
        return send(self, run_id, epoch, **values)

    monkeypatch.setattr(Sender, "send", send_or_break)
    assert _drain(engine, RunKind.BULK).broken == {broken}
    assert engine.find(good).state == "completed"


def test_what_waits_is_known_until_it_is_sent(make_engine):
    engine = make_engine(contacts=1)
    small_run(engine, RunKind.BULK, _numbers(101))
    with engine.database.transaction(None) as session:
        waited = waits_for_drainer(session, RunKind.BULK)
        assert waited is not None
        assert waited >= 0
        assert waits_for_drainer(session, RunKind.BATCH) is None
    _drain(engine, RunKind.BULK)
    with engine.database.transaction(None) as session:
        assert waits_for_drainer(session, RunKind.BULK) is None


def test_a_drainer_is_seen_while_it_works_and_not_missed_afterwards(make_engine):
    engine = make_engine(contacts=1)

    def alive() -> int:
        with engine.database.transaction(None) as session:
            return heartbeats.count_alive(session, SEND_BULK, silent_seconds=8)

    with beating(engine.database, SEND_BULK):
        assert alive() == 1
    assert alive() == 0


def test_a_run_that_nobody_can_send_rests_longer_each_time(make_engine):
    engine = make_engine(contacts=1)
    run_id = small_run(engine, RunKind.BATCH, [f"c{no}@example.com" for no in range(101)]).run_id
    wrong = engine.settings.with_values(smtp_url="gopher://mail.example.com")
    rests = []
    for _ in range(3):
        with pytest.raises(SetupError):
            send_run(engine.database, wrong, run_id, 1, stop=lambda: False)
        with engine.database.transaction(None) as session:
            assert waits_for_drainer(session, RunKind.BATCH) is None
            assert runs_to_drain(session, RunKind.BATCH, limit=9) == []
            assert orphaned_runs(session, idle_seconds=-1) == []
            rests.append(
                session.execute(text("SELECT round(extract(epoch FROM rest_until - now())) FROM runs")).scalar_one()
            )
    assert rests == [15, 30, 60]


def test_a_run_that_rested_is_sent_and_has_no_failures_any_more(make_engine):
    engine = make_engine(contacts=1)
    run_id = small_run(engine, RunKind.BATCH, [f"c{no}@example.com" for no in range(101)]).run_id
    with engine.database.transaction(None) as session:
        note_send_failure(session, run_id)
        session.execute(text("UPDATE runs SET rest_until = now()"))
    assert _drain(engine, RunKind.BATCH).runs.keys() == {run_id}
    run = engine.find(run_id)
    assert (run.state, run.send_failures, run.rest_until) == ("completed", 0, None)
