"""Second tries are in a chunk of their own while the first chunk is still somebody's."""

import pytest

from models.rules.lifecycle import MessageState
from models.store import chunks
from models.store.messages import Result, read_planned
from tasks.runs.control import cancel_campaign
from tasks.sending.journal import Journal


def _claim(engine, run, who):
    with engine.database.transaction(None) as session:
        lease = chunks.claim_chunk(session, run.id, 1, who=who, lease_seconds=15)
        assert lease is not None
        return lease, read_planned(session, lease)


@pytest.fixture
def journal_of():
    return lambda engine, run: Journal(
        engine.database, run.id, engine.organization_id, 1, "email", "smtp", lambda: False
    )


def _result(message, state, seconds=None):
    return Result(message.id, message.position, state, retry_after_seconds=seconds)


def _first_is_deferred_and_requeued(engine, run, journal):
    """A sender in the middle of chunk 0, whose first message waits in chunk 1; returns the lease and its messages."""
    lease, messages = _claim(engine, run, "first")
    journal.step(lease, [], cursor=20, upcoming=messages[:20])
    results = [_result(m, MessageState.ACCEPTED) for m in messages[1:20]]
    results.append(_result(messages[0], MessageState.DEFERRED, 60))
    journal.step(lease, results, cursor=40, upcoming=messages[20:40])
    engine.make_retries_due(run)
    assert engine.requeue(run) == 1
    return lease, messages


def test_a_takeover_leaves_a_message_alone_that_waits_in_another_chunk(make_engine, journal_of):
    engine = make_engine(contacts=60)
    run = engine.planned()
    lease, _ = _first_is_deferred_and_requeued(engine, run, journal_of(engine, run))
    engine.expire_leases(run)
    taken, left = _claim(engine, run, "second")
    assert (taken.no, taken.uncertain, len(left)) == (lease.no, 20, 20)
    assert engine.states(run) == {"accepted": 19, "uncertain": 20, "planned": 21}


def test_a_cancel_leaves_a_message_alone_that_another_sender_hands_over(make_engine, journal_of):
    engine = make_engine(contacts=60)
    run = engine.planned()
    journal = journal_of(engine, run)
    lease, messages = _first_is_deferred_and_requeued(engine, run, journal)
    second, again = _claim(engine, run, "second")
    assert [m.position for m in again] == [0]
    journal.step(second, [], cursor=1, upcoming=again)
    with engine.database.transaction(None) as session:
        cancel_campaign(session, engine.organization_id, run.campaign_id)
    journal.step(lease, [_result(m, MessageState.ACCEPTED) for m in messages[20:40]], cursor=40, state="ready")
    assert engine.close(run) is None, "The second sender is still at work."
    journal.step(second, [_result(again[0], MessageState.ACCEPTED)], cursor=1, state="done")
    assert engine.close(run) is not None
    assert engine.states(run) == {"accepted": 40, "cancelled": 20}
    assert engine.run(run).refunded * 3 == engine.run(run).charged


def test_a_message_deferred_again_is_not_taken_for_a_doubt_of_its_second_chunk(make_engine, journal_of):
    engine = make_engine(contacts=60)
    run = engine.planned()
    journal = journal_of(engine, run)
    lease, messages = _claim(engine, run, "first")
    journal.step(lease, [], cursor=60, upcoming=messages)
    journal.step(lease, [_result(m, MessageState.DEFERRED, 60) for m in messages], cursor=60, state="done")
    engine.make_retries_due(run)
    assert engine.requeue(run) == 60
    second, again = _claim(engine, run, "second")
    journal.step(second, [], cursor=20, upcoming=again[:20])
    journal.step(second, [_result(m, MessageState.DEFERRED, 60) for m in again[:20]], cursor=40, upcoming=again[20:40])
    engine.make_retries_due(run)
    assert engine.requeue(run) == 20
    engine.expire_leases(run)
    taken, _ = _claim(engine, run, "third")
    assert (taken.no, taken.uncertain) == (second.no, 20)
    assert engine.states(run) == {"uncertain": 20, "planned": 40}
