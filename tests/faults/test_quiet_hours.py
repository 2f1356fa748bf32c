"""Quiet hours by a clock in the tests' hands, with the log of a provider's API as the witness: nobody lost, nobody
twice, nobody in quiet hours."""

import contextlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from sqlalchemy import text

from models.rules.quiet_hours import parse_quiet_hours, quiet_until
from models.session import Database, Role
from models.store import chunks, loose_ends, outbox
from models.store.chunks import open_work
from tasks.runs.control import cancel_campaign, pause_campaign, resume_campaign
from tasks.runs.reconcile import reconcile
from tests.support.engine import Engine
from tests.support.invariants import examine
from tests.support.other_times import Clock, other_times
from tests.support.sinks import Server, Wanted, servers
from tests.support.sms import add_people, add_sender, block, sms_campaign

HOURS = {"start": "21:00", "end": "08:00"}
NIGHT = parse_quiet_hours(HOURS)
# By the places of their numbers: 22:30 in Vilnius is 15:30 in New York, 12:30 in Los Angeles, and morning in Australia.
EVENING = datetime(2027, 1, 15, 20, 30, tzinfo=UTC)
MORNING = datetime(2027, 1, 16, 6, tzinfo=UTC)  # 8:00 in Vilnius
PLACES = ["+3706123{:04}", "+1212555{:04}", "+1310555{:04}", "+6141234{:04}", "+7912345{:04}", "+1800555{:04}"]


@dataclass(slots=True)
class World:
    """An organization, its clock, and the API that its SMS go to."""

    engine: Engine
    clock: Clock
    server: Server
    seen: Counter[str] = field(default_factory=Counter)

    def people(self, places: list[str], each: int) -> None:
        """So many contacts with numbers at each place."""
        add_people(self.engine, [{"phone": place.format(n)} for n in range(each) for place in places])

    def campaign(self, **values: object):
        return sms_campaign(self.engine, "Hi", quiet_hours=HOURS, batch_size=7, **values)

    def start(self, at: datetime, **values: object):
        """A campaign that is planned at that moment."""
        self.clock.put(at)
        run = self.engine.accept(self.campaign(**values))
        assert self.engine.plan(run) is not None
        return run

    def send(self, run, at: datetime, *, epoch: int = 1) -> Counter[str]:
        """Send what is due at that moment; who got it, none of them in quiet hours."""
        self.clock.put(at)
        while self.engine.requeue(run):
            pass
        self.engine.send(run, epoch=epoch)
        now = self.server.accepted()
        new = now - self.seen
        self.seen = now
        assert [number for number in new if quiet_until(number, NIGHT, at) is not None] == []
        return new

    def states(self, run) -> Counter[str]:
        return self.engine.states(run)

    def waits(self, run) -> timedelta:
        with self.engine.database.transaction(None) as session:
            seconds = open_work(session, run.id).next_retry_seconds
        assert seconds is not None
        return timedelta(seconds=seconds)

    def is_clean(self) -> bool:
        return reconcile(self.engine.database, self.engine.organization_id).is_clean


@pytest.fixture
def world(settings, owner_url, tmp_path, make_engine) -> Iterator[World]:
    with contextlib.ExitStack() as stack:
        [server] = stack.enter_context(servers(tmp_path, Wanted("twilio")))
        clock = stack.enter_context(other_times(owner_url))
        clock.put(EVENING)
        database = Database(settings, Role.ENGINE, pool_size=4)  # connected since the clock is ours
        stack.callback(database.close)
        engine = Engine.create(settings.with_values(sms_url=server.url, chunk_size=50), database, people=["nobody"])
        add_sender(engine)
        yield World(engine, clock, server)


def test_each_gets_it_once_and_nobody_at_night(world: World) -> None:
    world.people(PLACES, each=20)
    run = world.start(EVENING)
    assert world.states(run) == {"planned": 40, "deferred": 80}
    charged = world.engine.run(run).charged
    assert len(world.send(run, EVENING)) == 40
    got = {EVENING: 40}
    assert world.engine.close(run) is None, "The others are to get it yet."
    assert world.is_clean()
    assert world.waits(run) == timedelta(hours=1.5)  # 8:00 on Guam, which a toll-free number may lead to
    at = EVENING
    while world.engine.close(run) is None:
        at += timedelta(minutes=30)
        assert at <= EVENING + timedelta(days=1)
        if new := world.send(run, at):
            got[at] = len(new)
    hours = {at: (at - EVENING) / timedelta(hours=1) for at in got}
    # 8:00 on the Cocos Islands for Australian mobiles; in Kaliningrad, as in Vilnius, for Russian ones.
    assert {hours[at]: count for at, count in got.items()} == {0: 40, 1.5: 20, 5: 20, 9.5: 40}
    examine(world.engine, run, world.server.accepted()).check()
    assert (world.engine.run(run).charged, world.engine.run(run).refunded) == (charged, Decimal(0))
    assert world.is_clean()


def test_a_campaign_that_comes_into_the_night_waits_without_a_try_and_goes_on(world: World) -> None:
    world.people([PLACES[0]], each=30)
    run = world.start(EVENING - timedelta(hours=2))
    with world.engine.database.transaction(None) as session:  # some were tried before, a day ago
        session.execute(
            text("UPDATE messages SET tries = 1, first_tried_at = now() - interval '23 hours' WHERE position < 10")
        )
    assert world.states(run) == {"planned": 30}
    assert not world.send(run, EVENING)
    assert world.states(run) == {"deferred": 30}
    with world.engine.database.transaction(None) as session:
        left = open_work(session, run.id)
        assert (left.ready, left.leased, left.deferred) == (0, 0, 30)
        assert loose_ends.orphaned_runs(session, idle_seconds=0) == []
        assert session.execute(text("SELECT sum(tries), min(error_code) FROM messages")).one() == (10, "quiet_hours")
    assert world.waits(run) == MORNING - EVENING
    assert world.is_clean()
    world.clock.put(MORNING)
    assert world.engine.requeue(run) == 30
    with world.engine.database.transaction(None) as session:
        assert session.execute(text("SELECT count(first_tried_at) FROM messages")).scalar_one() == 0
    assert len(world.send(run, MORNING)) == 30
    assert world.engine.close(run) is not None
    examine(world.engine, run, world.server.accepted()).check()


def test_it_is_paused_and_resumed_at_night_and_who_opts_out_meanwhile_gets_nothing(world: World) -> None:
    world.people(PLACES[:2], each=10)
    run = world.start(EVENING)
    engine = world.engine
    with engine.database.transaction(None) as session:
        pause_campaign(session, engine.organization_id, run.campaign_id)
    night = EVENING + timedelta(hours=6)  # in New York too
    world.clock.put(night)
    with engine.database.transaction(None) as session:
        resume_campaign(session, engine.organization_id, run.campaign_id)
    assert engine.plan(run) is not None
    assert not world.send(run, night, epoch=2)
    block(engine, PLACES[0].format(3))
    assert len(world.send(run, MORNING, epoch=2)) == 9
    assert len(world.send(run, MORNING + timedelta(hours=7), epoch=2)) == 10
    assert engine.close(run) is not None
    assert engine.states(run) == {"accepted": 19, "suppressed": 1}
    examine(engine, run, world.server.accepted()).check()


def test_what_waits_is_cancelled_and_refunded(world: World) -> None:
    world.people(PLACES[:2], each=10)
    run = world.start(EVENING)
    assert len(world.send(run, EVENING)) == 10
    with world.engine.database.transaction(None) as session:
        cancel_campaign(session, world.engine.organization_id, run.campaign_id)
    assert world.engine.close(run) is not None
    assert world.states(run) == {"accepted": 10, "cancelled": 10}
    examine(world.engine, run, world.server.accepted()).check()


def test_where_all_wait_there_is_nothing_to_lease_and_nothing_to_close(world: World) -> None:
    world.people([PLACES[0]], each=5)
    run = world.start(EVENING)
    with world.engine.database.transaction(None) as session:
        assert chunks.claim_chunk(session, run.id, 1, who="test", lease_seconds=15) is None
        assert loose_ends.runs_to_close(session) == []
    assert not world.send(run, EVENING)
    assert world.engine.close(run) is None
    assert len(world.send(run, MORNING)) == 5
    assert world.engine.close(run) is not None


def test_a_slow_campaign_spends_no_rate_on_those_who_sleep(world: World) -> None:
    world.people([PLACES[0]], each=50)
    run = world.start(EVENING - timedelta(hours=2), send_rate_per_minute=1)
    assert not world.send(run, EVENING)  # at one a minute it would be 50 minutes
    assert world.states(run) == {"deferred": 50}


def test_what_is_sent_again_since_it_was_uncertain_waits_as_well(world: World) -> None:
    world.people([PLACES[0]], each=1)
    world.start(EVENING)
    with world.engine.database.transaction(None) as session:
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
