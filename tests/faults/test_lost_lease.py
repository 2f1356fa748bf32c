"""A sender whose chunk another one took: its writes change nothing, its true answers are kept."""

import pytest

from models.errors import StaleLease
from models.rules.lifecycle import MessageState
from models.store import chunks
from models.store.messages import Result, read_planned
from tasks.sending.journal import Journal


def _claim(engine, run, who):
    with engine.database.transaction(None) as session:
        lease = chunks.claim_chunk(session, run.id, 1, who=who, lease_seconds=15)
        assert lease is not None
        return lease, read_planned(session, lease)


def _journal(engine, run):
    return Journal(engine.database, run.id, engine.organization_id, 1, "email", "smtp", lambda: False)


def _accepted(message):
    return Result(message.id, message.position, MessageState.ACCEPTED, provider_ref="q1")


def test_a_write_under_an_old_fence_changes_nothing(make_engine):
    engine = make_engine(contacts=60)
    run = engine.planned()
    lease, messages = _claim(engine, run, "first")
    journal = _journal(engine, run)
    journal.step(lease, [], cursor=20, upcoming=messages[:20])
    engine.expire_leases(run)
    taken, _ = _claim(engine, run, "second")
    assert (taken.no, taken.fence, taken.taken_over, taken.uncertain) == (lease.no, lease.fence + 1, True, 20)
    with pytest.raises(StaleLease):
        journal.step(lease, [_accepted(m) for m in messages[:20]], cursor=40, upcoming=messages[20:40])
    assert engine.states(run) == {"uncertain": 20, "planned": 40}


def test_late_true_answers_move_uncertain_to_accepted(make_engine):
    engine = make_engine(contacts=60)
    run = engine.planned()
    lease, messages = _claim(engine, run, "first")
    journal = _journal(engine, run)
    journal.step(lease, [], cursor=20, upcoming=messages[:20])
    engine.expire_leases(run)
    _claim(engine, run, "second")
    journal.evidence(lease, [_accepted(m) for m in messages[:15]])
    assert engine.states(run) == {"accepted": 15, "uncertain": 5, "planned": 40}
    totals = engine.totals(run)
    assert (totals.sent, totals.uncertain) == (15, 5)


def test_late_answers_are_kept_before_anybody_took_the_chunk_over(make_engine):
    engine = make_engine(contacts=60)
    run = engine.planned()
    lease, messages = _claim(engine, run, "first")
    journal = _journal(engine, run)
    journal.step(lease, [], cursor=20, upcoming=messages[:20])
    engine.expire_leases(run)
    journal.evidence(lease, [_accepted(m) for m in messages[:20]])
    taken, left = _claim(engine, run, "second")
    assert taken.uncertain == 0
    assert [m.position for m in left] == list(range(20, 60))
    assert engine.states(run) == {"accepted": 20, "planned": 40}


def test_a_refusal_that_comes_late_is_refundable(make_engine):
    engine = make_engine(contacts=60)
    run = engine.planned()
    lease, messages = _claim(engine, run, "first")
    journal = _journal(engine, run)
    journal.step(lease, [], cursor=20, upcoming=messages[:20])
    engine.expire_leases(run)
    _claim(engine, run, "second")
    journal.evidence(lease, [Result(messages[0].id, 0, MessageState.FAILED, code="550")])
    assert engine.states(run) == {"failed": 1, "uncertain": 19, "planned": 40}
    assert engine.totals(run).failed == 1


def test_a_step_whose_commit_got_lost_is_not_written_twice(make_engine):
    engine = make_engine(contacts=60)
    run = engine.planned()
    lease, messages = _claim(engine, run, "first")
    journal = _journal(engine, run)
    journal.step(lease, [], cursor=20, upcoming=messages[:20])
    results = [_accepted(m) for m in messages[:20]]
    journal.step(lease, results, cursor=40, upcoming=messages[20:40])
    assert engine.totals(run).sent == 20
    with pytest.raises(AssertionError, match="planned"):
        journal.step(lease, results, cursor=40)
    assert engine.totals(run).sent == 20
