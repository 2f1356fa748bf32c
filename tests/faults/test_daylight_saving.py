"""The nights in which clocks are changed: each campaign goes out once, at its hour, and each day is counted once."""

import asyncio
import contextlib
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
import yaml
from prefect.server.schemas.schedules import CronSchedule
from sqlalchemy import text

from deployments.courier import Courier
from models.session import Database, Role
from tasks.runs.reconcile import reconcile
from tests.support.engine import Engine
from tests.support.invariants import examine
from tests.support.other_times import other_times
from tests.support.processes import mail_server

ZONE = ZoneInfo("Europe/Vilnius")
YEAR = datetime.now(UTC).year + 1  # what is scheduled must be to come
STEP = timedelta(minutes=5)


def _last_sunday(month: int) -> date:
    last = date(YEAR, month, 31)
    return last - timedelta(days=last.isoweekday() % 7)


SPRING, AUTUMN = _last_sunday(3), _last_sunday(10)
# What is asked for, and the hour of that day in UTC. At 1:00 UTC it becomes 4:00 in spring, and 3:00 again in autumn.
HOURS = {
    SPRING: [
        ({"scheduled_at": "02:55:00"}, 0.9167),
        ({"scheduled_at": "03:00:00"}, 1.0),  # skipped: an hour later
        ({"scheduled_at": "03:30:00"}, 1.5),
        ({"scheduled_at": "04:00:00"}, 1.0),
        ({"scheduled_at": "01:30:00", "timezone": "Europe/Lisbon"}, 1.5),  # skipped there at the same moment
        ({"scheduled_at": "03:30:00+02:00"}, 1.5),
    ],
    AUTUMN: [
        ({"scheduled_at": "02:55:00"}, -0.0833),
        ({"scheduled_at": "03:00:00"}, 0.0),  # twice: the first one
        ({"scheduled_at": "03:30:00"}, 0.5),
        ({"scheduled_at": "03:30:00+02:00"}, 1.5),  # the second one has to be asked for
        ({"scheduled_at": "04:00:00"}, 2.0),
        ({"scheduled_at": "01:30:00", "timezone": "Europe/Lisbon"}, 0.5),
    ],
}


@pytest.mark.parametrize("day", HOURS, ids=["spring", "autumn"])
def test_each_campaign_of_the_night_goes_out_once_at_its_hour(settings, owner_url, tmp_path, call_as, trial, day):
    people = trial.of(short=30, long=2000)
    midnight = datetime(day.year, day.month, day.day, tzinfo=UTC)
    with contextlib.ExitStack() as night:
        server, clock = night.enter_context(mail_server(tmp_path)), night.enter_context(other_times(owner_url))
        database = night.enter_context(_connected(settings))  # since the clock is ours
        own = settings.with_values(smtp_url=server.url, prefect_api_url="http://127.0.0.1:9/api")
        engine = Engine.create(own, database, contacts=people, credits_="5000")
        with database.transaction(None) as session:
            session.execute(text("UPDATE organizations SET timezone = :zone"), {"zone": ZONE.key})
        caller = call_as(engine)
        hours: dict[UUID, datetime] = {}
        for asked, hour in HOURS[day]:
            campaign = engine.campaign()
            at = {**asked, "scheduled_at": f"{day}T{asked['scheduled_at']}"}
            assert caller.post(f"/campaigns/{campaign}/schedule", at).status_code == 200
            hours[campaign] = midnight + timedelta(seconds=round(hour * 60) * 60)
        fired = _live_through(engine, clock, midnight - timedelta(hours=1), midnight + timedelta(hours=3))
        assert fired == hours
        found = [_sent(engine, clock, campaign, at, server) for campaign, at in hours.items()]
        with database.transaction(None) as session:
            days = session.execute(text("SELECT day, sum(sent)::int AS sent FROM daily_counts GROUP BY day")).all()
        assert {row.day: row.sent for row in days} == _by_day(fired, people)
        clock.put(midnight + timedelta(days=1, hours=2, minutes=15))
        reconciled = reconcile(database, days=1)
        assert reconciled.is_clean, reconciled.summary
    fault = f"clocks put {'forward' if day == SPRING else 'back'}, campaigns scheduled around it"
    trial.write(fault, len(hours), found)


@contextlib.contextmanager
def _connected(settings):
    database = Database(settings, Role.ENGINE, pool_size=4)
    try:
        yield database
    finally:
        database.close()


def _by_day(fired: dict[UUID, datetime], people: int) -> dict[date, int]:
    days = Counter(at.date() for at in fired.values())
    return {day: campaigns * people for day, campaigns in days.items()}


def _live_through(engine, clock, begin, end) -> dict[UUID, datetime]:
    """Let a courier look every few minutes of the night: when it started which campaign."""
    fired: dict[UUID, datetime] = {}
    courier = Courier(engine.settings)
    at = begin
    try:
        while at <= end:
            clock.put(at)
            courier.tick()
            with engine.database.transaction(None) as session:
                started = session.execute(text("SELECT campaign_id FROM runs")).scalars().all()
            assert len(started) == len(set(started)), "A campaign was started twice."
            fired |= {campaign: at for campaign in started if campaign not in fired}
            at += STEP
    finally:
        courier.stop()
    return fired


def _sent(engine, clock, campaign, at, server):
    """Send one as it would have been at its hour; what is found."""
    before = server.accepted()
    clock.put(at)
    with engine.database.transaction(None) as session:
        run_id = session.execute(text("SELECT id FROM runs WHERE campaign_id = :id"), {"id": campaign}).scalar_one()
    run = engine.find(run_id)
    assert engine.plan(run) is not None
    engine.send(run)
    assert engine.close(run) is not None
    return examine(engine, run, server.accepted() - before)


@pytest.mark.parametrize("day", [SPRING, AUTUMN], ids=["spring", "autumn"])
def test_the_nightly_reconcile_comes_once_a_day(day):
    entries = yaml.safe_load((Path(__file__).parents[2] / "prefect.yaml").read_text())["deployments"]
    [schedule] = next(entry["schedules"] for entry in entries if entry["name"] == "reconcile")
    begin = datetime(day.year, day.month, day.day, tzinfo=UTC) - timedelta(days=1)
    found = asyncio.run(CronSchedule(**schedule).get_dates(n=3, start=begin))
    assert [at.astimezone(UTC).date() for at in found] == [begin.date() + timedelta(days=no) for no in range(3)]
    assert len({at.astimezone(UTC).time() for at in found}) == 1
