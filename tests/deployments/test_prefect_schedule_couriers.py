"""Two couriers that mirror the schedules of Prefect: the list of one is older than what the other has done."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from deployments import prefect_schedule
from deployments.prefect_schedule import mirror_schedules
from models.rules.lifecycle import CampaignStatus
from models.store.campaign_states import find_campaign, move_campaign
from tests.support.engine import Engine
from tests.support.fixtures import database, make_engine
from tests.support.prefect_stand_in import prefect_stand_in

__all__ = ["database", "make_engine"]

HOUR = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=5)


def _status(engine: Engine, campaign_id: UUID) -> str:
    with engine.database.transaction(None) as session:
        return find_campaign(session, campaign_id).status


def test_what_the_client_unscheduled_is_not_scheduled_again_by_an_older_list(make_engine, monkeypatch) -> None:
    with prefect_stand_in() as prefect:
        engine = make_engine(contacts=3, prefect_api_url=prefect.url)
        campaign = engine.campaign()
        parameters = {"campaign_id": str(campaign)}
        flow_run = prefect.add("SCHEDULED", parameters=parameters, expected_start_time=HOUR.isoformat())
        mirror_schedules(engine.database, engine.settings)
        assert _status(engine, campaign) == "scheduled"
        older = prefect_schedule._scheduled_runs(engine.settings)
        with engine.database.transaction(None) as session:
            move_campaign(session, engine.organization_id, campaign, CampaignStatus.DRAFT, scheduled_at=None)
        mirror_schedules(engine.database, engine.settings)
        assert prefect.state(flow_run) == "CANCELLED"
        monkeypatch.setattr(prefect_schedule, "_scheduled_runs", lambda _: older)
        mirror_schedules(engine.database, engine.settings)
        assert _status(engine, campaign) == "draft"
