"""What is cancelled in Prefect, told by a stand-in for its server."""

from collections.abc import Iterator
from uuid import UUID, uuid4

import httpx2
import pytest
from sqlalchemy import text

from models.store.loose_ends import flows_at_work
from models.store.runs import record_flow
from models.tables import Run
from tasks.runs.control import pause_campaign, resume_campaign
from tasks.runs.prefect_cancels import reflect_cancels
from tests.support.engine import Engine
from tests.support.prefect_stand_in import StandIn, prefect_stand_in


@pytest.fixture
def prefect() -> Iterator[StandIn]:
    with prefect_stand_in() as stand_in:
        yield stand_in


def _flow(engine: Engine, run: Run, epoch: int = 1) -> UUID:
    flow_run_id = uuid4()
    with engine.database.transaction(None) as session:
        record_flow(session, run.organization_id, run.id, flow_run_id, epoch)
    return flow_run_id


def _look(engine: Engine, prefect: StandIn) -> list[UUID]:
    with engine.database.transaction(None) as session:
        flows = flows_at_work(session)
    return reflect_cancels(engine.database, engine.settings.with_values(prefect_api_url=prefect.url), flows)


@pytest.mark.parametrize("state", ["CANCELLING", "CANCELLED"])
def test_a_cancel_in_prefect_cancels_the_campaign_and_refunds_what_is_unsent(make_engine, prefect, state):
    engine = make_engine(contacts=8)
    run, other = engine.planned(), engine.planned()
    prefect.add(state, _flow(engine, run))
    prefect.add("RUNNING", _flow(engine, other))
    assert _look(engine, prefect) == [run.id]
    closed = engine.close(run)
    assert closed is not None
    assert (closed.state, closed.refunded * 100, engine.status(run)) == ("cancelled", 8, "cancelled")
    assert engine.status(other) == "sending"
    with engine.database.transaction(None) as session:
        who = session.execute(text("SELECT actor, action FROM audit_log WHERE action = 'campaign.cancelled'")).all()
    assert who == [("prefect", "campaign.cancelled")]
    assert (_look(engine, prefect), prefect.asked) == ([], 2)


@pytest.mark.parametrize("state", ["FAILED", "CRASHED", "COMPLETED", "RUNNING", "PENDING"])
def test_no_other_end_of_a_flow_run_does(make_engine, prefect, state):
    engine = make_engine(contacts=3)
    run = engine.planned()
    prefect.add(state, _flow(engine, run))
    assert _look(engine, prefect) == []
    assert engine.status(run) == "sending"


def test_a_flow_run_of_an_earlier_start_says_nothing_any_more(make_engine, prefect):
    engine = make_engine(contacts=3)
    run = engine.planned()
    prefect.add("CANCELLED", _flow(engine, run))
    with engine.database.transaction(None) as session:
        stale = flows_at_work(session)
        pause_campaign(session, engine.organization_id, run.campaign_id)
        resume_campaign(session, engine.organization_id, run.campaign_id)
    assert _look(engine, prefect) == []
    assert reflect_cancels(engine.database, engine.settings.with_values(prefect_api_url=prefect.url), stale) == []
    assert engine.status(run) == "sending"


def test_runs_whose_flow_has_ended_are_not_asked_about(make_engine, prefect):
    engine = make_engine(contacts=3)
    paced, paused = engine.planned(send_rate_per_minute=60), engine.planned()
    with engine.database.transaction(None) as session:
        pause_campaign(session, engine.organization_id, paused.campaign_id)
    for run in (paced, paused):
        prefect.add("CANCELLED", _flow(engine, run))
    assert (_look(engine, prefect), prefect.asked) == ([], 0)


def test_a_queued_run_whose_flow_run_was_cancelled_is_not_started_again(make_engine, prefect):
    engine = make_engine(contacts=3)
    run = engine.accept(engine.campaign())
    prefect.add("CANCELLED", _flow(engine, run))
    assert _look(engine, prefect) == [run.id]
    closed = engine.close(run)
    assert closed is not None
    assert (closed.state, engine.balance()) == ("cancelled", 1000)


def test_a_server_that_asks_for_a_password_gets_it(make_engine, prefect):
    engine = make_engine(contacts=3, prefect_auth="exosend:secret")
    prefect.credentials = ("exosend", "secret")
    run = engine.planned()
    prefect.add("CANCELLED", _flow(engine, run))
    assert _look(engine, prefect) == [run.id]


def test_prefect_away_is_nobodys_cancel(make_engine):
    engine = make_engine(contacts=3)
    run = engine.planned()
    _flow(engine, run)
    with pytest.raises(httpx2.HTTPError):
        _look(engine, StandIn(url="http://127.0.0.1:9/api"))
    assert engine.status(run) == "sending"
