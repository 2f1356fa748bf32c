"""Quiet hours by a clock in the tests' hands, with the log of a provider's API as the witness: nobody lost, nobody
twice, nobody in quiet hours."""

import contextlib
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal

import pytest
from sqlalchemy import text

from models.session import Database, Role
from models.store import chunks, loose_ends, outbox
from models.store.chunks import open_work
from tasks.runs.control import cancel_campaign, pause_campaign, resume_campaign
from tests.support.engine import Engine
from tests.support.invariants import examine
from tests.support.nights import EVENING, MORNING, PLACES, Night
from tests.support.other_times import other_times
from tests.support.sinks import Wanted, servers
from tests.support.sms import add_sender, block


@pytest.fixture
def night(settings, owner_url, tmp_path, make_engine) -> Iterator[Night]:
    with contextlib.ExitStack() as stack:
        [server] = stack.enter_context(servers(tmp_path, Wanted("twilio")))
        clock = stack.enter_context(other_times(owner_url))
        clock.put(EVENING)
        database = Database(settings, Role.ENGINE, pool_size=4)  # connected since the clock is ours
        stack.callback(database.close)
        engine = Engine.create(settings.with_values(sms_url=server.url, chunk_size=50), database, people=["nobody"])
        add_sender(engine)
        yield Night(engine, clock, server)


def test_each_gets_it_once_and_nobody_at_night(night: Night) -> None:
    night.people(PLACES, each=20)
    run = night.start(EVENING)
    assert night.engine.states(run) == {"planned": 40, "deferred": 80}
    charged = night.engine.run(run).charged
    assert len(night.send(run, EVENING)) == 40
    got = {EVENING: 40}
    assert night.engine.close(run) is None, "The others are to get it yet."
    assert night.is_clean()
    assert night.waits(run) == timedelta(hours=1.5)  # 8:00 on Guam, which a toll-free number may lead to
    at = EVENING
    while night.engine.close(run) is None:
        at += timedelta(minutes=30)
        assert at <= EVENING + timedelta(days=1)
        if new := night.send(run, at):
            got[at] = len(new)
    hours = {at: (at - EVENING) / timedelta(hours=1) for at in got}
    # 8:00 on the Cocos Islands for Australian mobiles; in Kaliningrad, as in Vilnius, for Russian ones.
    assert {hours[at]: count for at, count in got.items()} == {0: 40, 1.5: 20, 5: 20, 9.5: 40}
    examine(night.engine, run, night.server.accepted()).check()
    assert (night.engine.run(run).charged, night.engine.run(run).refunded) == (charged, Decimal(0))
    assert night.is_clean()


def test_a_campaign_that_comes_into_the_night_waits_without_a_try_and_goes_on(night: Night) -> None:
    night.people([PLACES[0]], each=30)
    run = night.start(EVENING - timedelta(hours=2))
    with night.engine.database.transaction(None) as session:  # some were tried before, a day ago
        session.execute(
            text("UPDATE messages SET tries = 1, first_tried_at = now() - interval '23 hours' WHERE position < 10")
        )
    assert night.engine.states(run) == {"planned": 30}
    assert not night.send(run, EVENING)
    assert night.engine.states(run) == {"deferred": 30}
    with night.engine.database.transaction(None) as session:
        left = open_work(session, run.id)
        assert (left.ready, left.leased, left.deferred) == (0, 0, 30)
        assert loose_ends.orphaned_runs(session, idle_seconds=0) == []
        assert session.execute(text("SELECT sum(tries), min(error_code) FROM messages")).one() == (10, "quiet_hours")
    assert night.waits(run) == MORNING - EVENING
    assert night.is_clean()
    night.clock.put(MORNING)
    assert night.engine.requeue(run) == 30
    with night.engine.database.transaction(None) as session:
        assert session.execute(text("SELECT count(first_tried_at) FROM messages")).scalar_one() == 0
    assert len(night.send(run, MORNING)) == 30
    assert night.engine.close(run) is not None
    examine(night.engine, run, night.server.accepted()).check()


def test_it_is_paused_and_resumed_at_night_and_who_opts_out_meanwhile_gets_nothing(night: Night) -> None:
    night.people(PLACES[:2], each=10)
    run = night.start(EVENING)
    engine = night.engine
    with engine.database.transaction(None) as session:
        pause_campaign(session, engine.organization_id, run.campaign_id)
    at = EVENING + timedelta(hours=6)  # in New York too
    night.clock.put(at)
    with engine.database.transaction(None) as session:
        resume_campaign(session, engine.organization_id, run.campaign_id)
    assert engine.plan(run) is not None
    assert not night.send(run, at, epoch=2)
    block(engine, PLACES[0].format(3))
    assert len(night.send(run, MORNING, epoch=2)) == 9
    assert len(night.send(run, MORNING + timedelta(hours=7), epoch=2)) == 10
    assert engine.close(run) is not None
    assert engine.states(run) == {"accepted": 19, "suppressed": 1}
    examine(engine, run, night.server.accepted()).check()


def test_what_waits_is_cancelled_and_refunded(night: Night) -> None:
    night.people(PLACES[:2], each=10)
    run = night.start(EVENING)
    assert len(night.send(run, EVENING)) == 10
    with night.engine.database.transaction(None) as session:
        cancel_campaign(session, night.engine.organization_id, run.campaign_id)
    assert night.engine.close(run) is not None
    assert night.engine.states(run) == {"accepted": 10, "cancelled": 10}
    examine(night.engine, run, night.server.accepted()).check()


def test_where_all_wait_there_is_nothing_to_lease_and_nothing_to_close(night: Night) -> None:
    night.people([PLACES[0]], each=5)
    run = night.start(EVENING)
    with night.engine.database.transaction(None) as session:
        assert chunks.claim_chunk(session, run.id, 1, who="test", lease_seconds=15) is None
        assert loose_ends.runs_to_close(session) == []
    assert not night.send(run, EVENING)
    assert night.engine.close(run) is None
    assert len(night.send(run, MORNING)) == 5
    assert night.engine.close(run) is not None


def test_a_slow_campaign_spends_no_rate_on_those_who_sleep(night: Night) -> None:
    night.people([PLACES[0]], each=50)
    run = night.start(EVENING - timedelta(hours=2), send_rate_per_minute=1)
    assert not night.send(run, EVENING)  # at one a minute it would be 50 minutes
    assert night.engine.states(run) == {"deferred": 50}


def test_what_is_sent_again_since_it_was_uncertain_waits_as_well(night: Night) -> None:
    night.people([PLACES[0]], each=1)
    night.start(EVENING)
    with night.engine.database.transaction(None) as session:
        session.execute(text("DELETE FROM deferrals"))
        session.execute(text("UPDATE messages SET state = 'planned', resends = 1"))
        session.execute(
            text(
                "INSERT INTO outbox (message_id, organization_id, run_id, channel, chunk_no)"
                " SELECT id, organization_id, run_id, channel, 0 FROM messages"
            )
        )
        [claimed] = outbox.claim(session, "sms", who="test", seconds=15, limit=10)
    assert claimed.resent is not None
    assert claimed.resent.quiet is not None
    assert claimed.resent.quiet.seconds_left(claimed.message.recipient) == (MORNING - EVENING).total_seconds()
