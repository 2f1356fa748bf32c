"""The phases of a campaign's flow, without Prefect."""

import pytest

from models.store.runs import rest_run
from tasks.steps import campaign


@pytest.fixture
def engine(make_engine, monkeypatch):
    found = make_engine(contacts=10)
    monkeypatch.setattr(campaign, "flow_database", lambda: found.database)
    return found


def test_a_flow_does_not_wait_for_a_provider_that_is_left_alone(engine):
    run = engine.planned()
    assert campaign.close.fn(run.id, 1) == "open"
    with engine.database.transaction(None) as session:
        rest_run(session, run.id, 60)
    assert campaign.close.fn(run.id, 1) == "resting"
    with engine.database.transaction(None) as session:
        rest_run(session, run.id, -1)
    assert campaign.close.fn(run.id, 1) == "open"
