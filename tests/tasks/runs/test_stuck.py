"""Runs that gave no sign before there was anything to lease, and what Prefect says of their flow runs."""

from collections.abc import Iterator
from uuid import UUID, uuid4

import httpx2
import pytest
from sqlalchemy import text

from models.store.runs import record_flow
from models.tables import Run
from tasks.runs.control import pause_campaign, resume_campaign
from tasks.runs.stuck import restart_stuck
from tests.support.engine import Engine
from tests.support.prefect_stand_in import StandIn, prefect_stand_in


@pytest.fixture
def prefect() -> Iterator[StandIn]:
    with prefect_stand_in() as stand_in:
        yield stand_in


@pytest.fixture
def engine(make_engine, prefect) -> Engine:
    return make_engine(contacts=3, prefect_api_url=prefect.url)


def _silent(engine: Engine, flow_run_id: UUID, seconds: float = 3600.0, run: Run | None = None) -> Run:
    """A run whose flow was started and has said nothing for so long."""
    run = run or engine.accept(engine.campaign())
    with engine.database.transaction(None) as session:
        record_flow(session, run.organization_id, run.id, flow_run_id, engine.run(run).epoch)
        since = {"seconds": seconds, "run": run.id}
        session.execute(
            text("UPDATE runs SET alive_at = now() - make_interval(secs => :seconds) WHERE id = :run"), since
        )
    return run


def _restart(engine: Engine) -> list[UUID]:
    return restart_stuck(engine.database, engine.settings)


def test_runs_whose_flow_runs_wait_their_turn_are_asked_about_at_once_and_left(engine, prefect):
    runs = [_silent(engine, prefect.add("SCHEDULED", seconds=3600)) for _ in range(100)]
    assert (_restart(engine), prefect.asked) == ([], 1)
    assert {(engine.run(run).state, engine.run(run).epoch) for run in runs} == {("queued", 1)}
    assert (_restart(engine), prefect.asked) == ([], 1), "They were asked about a moment ago."


@pytest.mark.parametrize("state", ["COMPLETED", "FAILED", "CRASHED"])
def test_a_flow_run_that_ended_without_a_word_is_started_again(engine, prefect, state):
    run = _silent(engine, prefect.add(state), seconds=30)
    assert _restart(engine) == [run.id]
    assert (engine.run(run).state, engine.run(run).epoch) == ("queued", 2)


def test_a_flow_run_that_prefect_has_forgotten_is_started_again(engine, prefect):
    run = _silent(engine, uuid4(), seconds=30)
    assert _restart(engine) == [run.id]


@pytest.mark.parametrize("state", ["PENDING", "RUNNING"])
@pytest.mark.parametrize(("silent", "begun", "again"), [(100, 100, True), (100, 80, False), (80, 100, False)])
def test_one_that_has_begun_has_its_time_to_say_something(engine, prefect, state, silent, begun, again):
    run = _silent(engine, prefect.add(state, seconds=begun), seconds=silent)
    assert _restart(engine) == ([run.id] if again else [])


def test_what_a_person_cancelled_is_not_started_again(engine, prefect):
    _silent(engine, prefect.add("CANCELLED"))
    assert _restart(engine) == []


def test_nothing_is_asked_of_runs_that_gave_a_sign(engine, prefect):
    _silent(engine, prefect.add("CRASHED"), seconds=10)
    assert (_restart(engine), prefect.asked) == ([], 0)


def test_while_prefect_is_away_what_is_planned_goes_on_and_the_rest_waits(make_engine):
    engine = make_engine(contacts=3, prefect_api_url="http://127.0.0.1:9/api")
    waits = _silent(engine, UUID(int=1))
    planned = engine.planned()
    with engine.database.transaction(None) as session:
        pause_campaign(session, engine.organization_id, planned.campaign_id)
        resume_campaign(session, engine.organization_id, planned.campaign_id)
    _silent(engine, UUID(int=2), run=planned)
    with pytest.raises(httpx2.HTTPError):
        _restart(engine)
    assert [engine.run(run).epoch for run in (waits, planned)] == [1, 3]


def test_one_that_gave_a_sign_while_prefect_was_asked_is_left_alone(engine, prefect, monkeypatch):
    run = _silent(engine, prefect.add("CRASHED"))
    answer = prefect._flow_runs_filter

    def say_something(*asked):
        with engine.database.transaction(None) as session:
            session.execute(text("UPDATE runs SET alive_at = now()"))
        return answer(*asked)

    monkeypatch.setattr(prefect, "_flow_runs_filter", say_something)
    assert _restart(engine) == []
    assert engine.run(run).epoch == 1
