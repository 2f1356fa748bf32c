"""The courier and runs that wait: one child for all paced ones, and a resume without Prefect."""

import os
from collections.abc import Iterator

import pytest
from sqlalchemy import text

from deployments.courier import Courier
from deployments.courier_children import DRAINER, PACER, Children
from models.session import Database, Role
from models.tables import Run
from tasks.runs.control import pause_campaign, resume_campaign
from tests.support.engine import Engine


@pytest.fixture
def engine(settings) -> Iterator[Engine]:
    database = Database(settings, Role.ENGINE)
    # Nothing listens there: Prefect is away.
    yield Engine.create(settings.with_values(prefect_api_url="http://127.0.0.1:9/api"), database, contacts=3)
    database.close()


@pytest.fixture
def courier(engine) -> Iterator[Courier]:
    courier = Courier(engine.settings)
    yield courier
    courier.stop()


@pytest.fixture
def started(monkeypatch) -> list[tuple[str, ...]]:
    """Children that the courier asks for; none is started."""
    asked: list[tuple[str, ...]] = []

    def start(_, *command: str) -> bool:
        asked.append(command)
        return True

    monkeypatch.setattr(Children, "start", start)
    return asked


def _resumed(engine: Engine, run: Run) -> None:
    """Paused and resumed, long enough ago that its flow should have been started."""
    with engine.database.transaction(None) as session:
        pause_campaign(session, engine.organization_id, run.campaign_id)
        resume_campaign(session, engine.organization_id, run.campaign_id)
        session.execute(text("UPDATE runs SET alive_at = now() - interval '1 minute'"))


def test_one_child_sends_all_paced_runs(engine, courier, started):
    for rate in (1, 60, 599):
        engine.planned(send_rate_per_minute=rate)
    courier.tick()
    assert started == [(PACER, str(os.getpid()))]


def test_without_paced_runs_there_is_no_such_child(engine, courier, started):
    engine.planned()
    engine.accept(engine.campaign(send_rate_per_minute=60))  # a flow is to plan it first
    courier.tick()
    assert started == []


def test_a_paced_run_that_is_resumed_goes_on_without_prefect(engine, courier, started):
    run = engine.planned(send_rate_per_minute=60)
    _resumed(engine, run)
    courier.tick()
    assert (engine.run(run).state, engine.run(run).epoch, started) == ("sending", 2, [(PACER, str(os.getpid()))])


def test_any_run_that_is_resumed_goes_on_without_prefect(engine, courier, started):
    run = engine.planned()
    _resumed(engine, run)
    courier.tick()
    assert engine.run(run).state == "sending"
    assert (DRAINER, str(run.id), "2") in started


def test_what_is_not_planned_waits_for_prefect(engine, courier, started):
    run = engine.accept(engine.campaign())
    with engine.database.transaction(None) as session:
        session.execute(text("UPDATE runs SET alive_at = now() - interval '1 minute'"))
    courier.tick()
    assert (engine.run(run).state, started) == ("queued", [])
