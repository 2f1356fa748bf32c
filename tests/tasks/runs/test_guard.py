"""Campaigns that pause themselves, on real Postgres."""

from decimal import Decimal

import pytest
from sqlalchemy import text

from models.rules.guards import GuardLimits
from models.store.guards import set_limits
from tasks.reports.apply import apply_due
from tasks.runs.control import cancel_campaign, pause_campaign, resume_campaign
from tasks.runs.guard import pause_failing

LIMITS = GuardLimits(least=10, failed_percent=Decimal(20), bounced_percent=Decimal(10), complained_percent=Decimal(1))


def _people(good: int, bad: int, of: str = "reject") -> list[str]:
    return [*(f"c{i}" for i in range(good)), *(f"{of}+{i}" for i in range(bad))]


def _guarded(make_engine, people, **values):
    engine = make_engine(people=people, chunk_size=10)
    with engine.database.transaction(None) as session:
        set_limits(session, engine.organization_id, LIMITS, actor="tests")
    return engine, engine.planned(batch_size=10, **values)


def _campaign(engine, run):
    with engine.database.transaction(None) as session:
        return session.execute(
            text("SELECT status, pause_reason FROM campaigns WHERE id = :id"), {"id": run.campaign_id}
        ).one()


def _send_some(engine, run, chunks, epoch=1):
    """Send so many chunks, each of one window: its sender asks once for the chunk and once for the window."""
    looks = []

    def enough():
        looks.append(1)
        return len(looks) > 2 * chunks

    return engine.send(run, epoch=epoch, stop=enough)


def _report(engine, run, **counts):
    with engine.database.transaction(None) as session:
        for name, value in counts.items():
            session.execute(text(f"UPDATE runs SET {name} = {name} + :n WHERE id = :run"), {"n": value, "run": run.id})


def test_too_many_refusals_pause_it_with_the_reason_and_nothing_more_goes_out(make_engine):
    engine, run = _guarded(make_engine, [*_people(5, 5), *_people(20, 0)[5:]])
    _send_some(engine, run, 1)
    paused = pause_failing(engine.database)
    assert [each.campaign_id for each in paused] == [run.campaign_id]
    status, reason = _campaign(engine, run)
    assert (status, reason) == ("paused", paused[0].reason)
    assert reason == "too_many_failures: 5 of 10 messages were refused for good, more than 20 %."
    assert engine.run(run).state == "paused"
    assert engine.send(run).accepted == 0
    with engine.database.transaction(None) as session:
        entries = session.execute(text("SELECT actor, action, details FROM audit_log WHERE actor = 'guard'")).all()
    assert [tuple(entry) for entry in entries] == [("guard", "campaign.paused", {"reason": reason})]


def test_it_is_paused_once_however_many_look(make_engine):
    engine, run = _guarded(make_engine, [*_people(5, 5), "x", "y"])
    _send_some(engine, run, 1)
    assert len(pause_failing(engine.database)) == 1
    assert pause_failing(engine.database) == []
    assert _campaign(engine, run).status == "paused"


def test_after_a_resume_the_same_counts_do_not_pause_it_again_and_new_ones_do(make_engine):
    people = [*_people(5, 5), *(f"d{i}" for i in range(10)), *(f"reject+{i}" for i in range(10, 20)), "last"]
    engine, run = _guarded(make_engine, people)
    _send_some(engine, run, 1)
    assert pause_failing(engine.database)
    with engine.database.transaction(None) as session:
        campaign, resumed = resume_campaign(session, engine.organization_id, run.campaign_id)
    assert (campaign.status, campaign.pause_reason, resumed.epoch) == ("sending", None, 2)
    engine.plan(run)
    assert pause_failing(engine.database) == [], "What was seen before counts no more."
    _send_some(engine, run, 1, epoch=2)
    assert pause_failing(engine.database) == []
    _send_some(engine, run, 1, epoch=2)
    [again] = pause_failing(engine.database)
    assert again.reason.startswith("too_many_failures: 10 of 20 messages")


@pytest.mark.parametrize(
    ("counts", "code"),
    [
        ({"total_delivered": 8, "total_bounced": 4, "total_hard_bounced": 2}, "too_many_hard_bounces"),
        ({"total_delivered": 8, "total_bounced": 4, "total_hard_bounced": 0}, None),
        ({"total_delivered": 10, "total_complained": 1}, "too_many_complaints"),
    ],
)
def test_bounces_for_good_and_complaints_pause_it_too(make_engine, counts, code):
    engine, run = _guarded(make_engine, _people(30, 0))
    _send_some(engine, run, 1)
    _report(engine, run, **counts)
    reasons = [each.reason.partition(":")[0] for each in pause_failing(engine.database)]
    assert reasons == ([code] if code else [])


def test_of_reported_bounces_those_for_good_count(make_engine):
    engine, run = _guarded(make_engine, [*_people(8, 2, of="bounce"), *_people(0, 5, of="softbounce")])
    _send_some(engine, run, 1)
    with engine.database.transaction(None) as session:
        session.execute(text("UPDATE incoming_events SET due_at = now()"))
    apply_due(engine.database)
    assert (engine.run(run).total_bounced, engine.run(run).total_hard_bounced) == (2, 2)
    [paused] = pause_failing(engine.database)
    assert paused.reason == "too_many_hard_bounces: 2 of 10 messages bounced for good, more than 10 %."


def test_an_organization_may_go_without(make_engine):
    engine, run = _guarded(make_engine, _people(0, 30))
    with engine.database.transaction(None) as session:
        set_limits(session, engine.organization_id, GuardLimits(10, None, None, None), actor="tests")
    _send_some(engine, run, 2)
    assert pause_failing(engine.database) == []


def test_a_person_pauses_without_a_reason_and_a_cancelled_one_is_left_alone(make_engine):
    engine, run = _guarded(make_engine, _people(5, 15))
    _send_some(engine, run, 1)
    with engine.database.transaction(None) as session:
        assert pause_campaign(session, engine.organization_id, run.campaign_id).pause_reason is None
    assert pause_failing(engine.database) == []
    with engine.database.transaction(None) as session:
        cancel_campaign(session, engine.organization_id, run.campaign_id)
    assert pause_failing(engine.database) == []
    assert _campaign(engine, run) == ("cancelled", None)
