"""Schedules of the API and of Prefect, told by a stand-in for its server."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from sqlalchemy import text

from deployments.courier_hours import due, fire
from deployments.prefect_schedule import mirror_schedules
from models.errors import IllegalState
from models.rules.lifecycle import CampaignStatus
from models.store.campaign_states import find_campaign, move_campaign
from models.tables import Campaign
from tasks.runs.accept_from_prefect import accept_from_prefect
from tests.support.engine import Engine
from tests.support.fixtures import database, make_engine
from tests.support.prefect_stand_in import StandIn, prefect_stand_in

__all__ = ["database", "make_engine"]

HOUR = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=5)


@pytest.fixture
def prefect() -> Iterator[StandIn]:
    with prefect_stand_in() as stand_in:
        yield stand_in


@pytest.fixture
def engine(make_engine, prefect) -> Engine:
    return make_engine(contacts=3, prefect_api_url=prefect.url)


def _mirror(engine: Engine) -> None:
    mirror_schedules(engine.database, engine.settings)


def _scheduled(engine: Engine) -> UUID:
    """A campaign that the API scheduled."""
    return engine.campaign(status="scheduled", scheduled_at=HOUR)


def _found(engine: Engine, campaign_id: UUID) -> Campaign:
    with engine.database.transaction(None) as session:
        return find_campaign(session, campaign_id)


def _shown(engine: Engine, campaign_id: UUID) -> UUID:
    """The flow run that stands for its schedule."""
    flow_run_id = _found(engine, campaign_id).schedule_flow_run_id
    assert flow_run_id is not None
    return flow_run_id


def _move(engine: Engine, campaign_id: UUID, target: CampaignStatus, at: datetime | None) -> None:
    """As the API does."""
    with engine.database.transaction(None) as session:
        move_campaign(session, engine.organization_id, campaign_id, target, scheduled_at=at)


def _accept(engine: Engine, campaign_id: UUID, flow_run_id: UUID) -> tuple[UUID, int]:
    """What the flow run does when it starts."""
    with engine.database.transaction(None) as session:
        return accept_from_prefect(session, campaign_id, flow_run_id, engine.settings)


def _let_the_hour_come(engine: Engine) -> None:
    with engine.database.transaction(None) as session:
        session.execute(text("UPDATE campaigns SET scheduled_at = now()"))


def test_a_schedule_of_the_api_is_shown_in_prefect_once(engine, prefect):
    campaign = _scheduled(engine)
    _mirror(engine)
    _mirror(engine)
    ((id_, run),) = prefect.flow_runs.items()
    assert (UUID(id_), run["state_type"]) == (_shown(engine, campaign), "SCHEDULED")
    assert run["parameters"] == {"campaign_id": str(campaign)}
    assert datetime.fromisoformat(run["expected_start_time"]) == HOUR


def test_it_follows_a_change_of_time(engine, prefect):
    campaign = _scheduled(engine)
    _mirror(engine)
    before = _shown(engine, campaign)
    _move(engine, campaign, CampaignStatus.DRAFT, None)
    _move(engine, campaign, CampaignStatus.SCHEDULED, HOUR + timedelta(hours=1))
    _mirror(engine)
    _mirror(engine)
    after = _shown(engine, campaign)
    assert (prefect.state(before), prefect.state(after)) == ("CANCELLED", "SCHEDULED")
    assert datetime.fromisoformat(prefect.flow_runs[str(after)]["expected_start_time"]) == HOUR + timedelta(hours=1)


def test_unscheduled_and_scheduled_again_for_the_same_hour_it_is_scheduled(engine, prefect):
    campaign = _scheduled(engine)
    _mirror(engine)
    _move(engine, campaign, CampaignStatus.DRAFT, None)
    _mirror(engine)
    _move(engine, campaign, CampaignStatus.SCHEDULED, HOUR)
    for _ in range(3):
        _mirror(engine)
    assert _found(engine, campaign).status == "scheduled"
    assert prefect.state(_shown(engine, campaign)) == "SCHEDULED"


@pytest.mark.parametrize("how", ["cancelled", "deleted"])
def test_what_is_cancelled_in_prefect_is_a_draft_again(engine, prefect, how):
    campaign = _scheduled(engine)
    _mirror(engine)
    if how == "deleted":
        prefect.flow_runs.clear()
    else:
        prefect.flow_runs[str(_shown(engine, campaign))]["state_type"] = "CANCELLED"
    _mirror(engine)
    assert (_found(engine, campaign).status, _found(engine, campaign).scheduled_at) == ("draft", None)


def test_a_database_that_prefect_lost_is_nobodys_cancel(engine, prefect):
    campaign = _scheduled(engine)
    _mirror(engine)
    before = _shown(engine, campaign)
    prefect.wipe()
    prefect.knows_deployments = False
    _mirror(engine)
    assert _shown(engine, campaign) == before
    prefect.knows_deployments = True
    _mirror(engine)
    _mirror(engine)
    assert _found(engine, campaign).status == "scheduled"
    assert prefect.state(_shown(engine, campaign)) == "SCHEDULED"


def test_of_more_than_prefect_tells_at_once_none_is_taken_for_cancelled(engine, prefect, monkeypatch):
    monkeypatch.setattr("deployments.prefect_schedule.MOST", 2)
    campaigns = [engine.campaign(status="scheduled", scheduled_at=HOUR + timedelta(hours=no)) for no in range(4)]
    for _ in range(3):
        _mirror(engine)
    assert {_found(engine, campaign).status for campaign in campaigns} == {"scheduled"}
    assert len({_shown(engine, campaign) for campaign in campaigns}) == len(prefect.flow_runs) == 4


def test_a_flow_run_whose_making_was_not_answered_is_found_again(engine, prefect):
    campaign = _scheduled(engine)
    _mirror(engine)
    with engine.database.transaction(None) as session:
        session.execute(text("UPDATE campaigns SET schedule_flow_run_id = NULL"))
    _mirror(engine)
    assert [str(_shown(engine, campaign))] == [*prefect.flow_runs]


def test_one_that_nobody_knows_does_not_schedule_a_draft(engine, prefect):
    campaign = _scheduled(engine)
    _mirror(engine)
    flow_run = _shown(engine, campaign)
    _move(engine, campaign, CampaignStatus.DRAFT, None)
    with engine.database.transaction(None) as session:
        session.execute(text("UPDATE campaigns SET schedule_flow_run_id = NULL"))
    _mirror(engine)
    assert (_found(engine, campaign).status, prefect.state(flow_run)) == ("draft", "CANCELLED")


def test_at_its_hour_the_flow_run_sends_what_the_courier_accepted(engine):
    campaign = _scheduled(engine)
    _mirror(engine)
    flow_run = _shown(engine, campaign)
    _let_the_hour_come(engine)
    for one in due(engine.database):
        fire(engine.database, engine.settings, one)
    run_id, epoch = _accept(engine, campaign, flow_run)
    assert (run_id, epoch) == (_found(engine, campaign).run_id, 1)
    assert engine.find(run_id).started_by == "schedule"


def test_a_flow_run_that_is_first_accepts_it_and_the_courier_does_not(engine):
    campaign = _scheduled(engine)
    _mirror(engine)
    _let_the_hour_come(engine)
    run_id, _ = _accept(engine, campaign, _shown(engine, campaign))
    assert due(engine.database) == []
    assert engine.find(run_id).started_by == "prefect"


@pytest.mark.parametrize(
    ("target", "later", "why"), [("draft", None, "unscheduled"), ("scheduled", 1, "moved to another hour")]
)
def test_a_flow_run_sends_nothing_that_was_unscheduled_or_moved_meanwhile(engine, target, later, why):
    campaign = _scheduled(engine)
    _mirror(engine)
    flow_run = _shown(engine, campaign)
    _move(engine, campaign, CampaignStatus.DRAFT, None)
    if later:
        _move(engine, campaign, CampaignStatus.SCHEDULED, HOUR + timedelta(hours=later))
    with pytest.raises(IllegalState, match=why):
        _accept(engine, campaign, flow_run)
    assert _found(engine, campaign).status == target
