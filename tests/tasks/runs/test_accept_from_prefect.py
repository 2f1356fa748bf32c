"""A flow run that Prefect starts before the hour of its campaign."""

from datetime import UTC, datetime, timedelta

import pytest

from tasks.runs.accept_from_prefect import seconds_early
from tests.support.engine import Engine


@pytest.fixture
def engine(make_engine) -> Engine:
    return make_engine(contacts=1)


@pytest.mark.parametrize(
    ("status", "ahead", "waits"),
    [("scheduled", 2.0, True), ("scheduled", -2.0, False), ("scheduled", 60.0, False), ("draft", 2.0, False)],
)
def test_what_prefect_starts_a_little_early_waits_for_its_hour(engine, status, ahead, waits):
    at = datetime.now(UTC) + timedelta(seconds=ahead)
    campaign = engine.campaign(status=status, scheduled_at=at if status == "scheduled" else None)
    with engine.database.transaction(None) as session:
        early = seconds_early(session, campaign)
    assert (0 < early <= ahead) if waits else early == 0
