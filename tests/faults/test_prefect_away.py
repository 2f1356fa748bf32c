"""Prefect's server is away, or has lost its database, while campaigns begin, go on and end on a running stack.

Away is both: it takes connections and answers nothing, and it was killed. FAULTS=long: for a minute or two each time.
"""

import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from deployments.connection import connected_settings
from deployments.demo_stack import DemoStack, running_stack
from deployments.sink_log import read_log
from models.session import Database, Role
from models.settings import load_settings
from tests.support.engine import Engine
from tests.support.invariants import Found, examine
from tests.support.prefect_server import PrefectServer
from tests.support.stack import Stack, wait_for
from tests.support.trials import Trial

LONG = os.environ.get("FAULTS") == "long"
PEOPLE = 10_000 if LONG else 700
PER_MINUTE = 6000 if LONG else 3000
END_SECONDS = 600.0 if LONG else 180.0


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DemoStack]:
    with running_stack(tmp_path_factory.mktemp("away"), worker_limit="2") as stack:
        yield stack


@pytest.fixture
def stack(running: DemoStack) -> Iterator[Stack]:
    joined = Stack.join(running)
    yield joined
    joined.client.close()


@pytest.fixture
def server(stack: Stack) -> PrefectServer:
    return PrefectServer(stack)


def _drafts(stack: Stack, count: int, people: int = PEOPLE, **values: object) -> dict[str, set[str]]:
    """Campaigns, each to people of its own."""
    made = {}
    for _ in range(count):
        list_id, addresses = stack.audience(people)
        made[stack.draft(list_id, **{"batch_size": 50, "send_rate_per_minute": PER_MINUTE, **values})] = addresses
    return made


def _send(stack: Stack, campaign_id: str) -> None:
    assert stack.client.call("POST", f"/campaigns/{campaign_id}/send")["status"] == "sending"


def _examine(stack: Stack, campaigns: dict[str, set[str]]) -> list[Found]:
    """Every campaign has ended, with one run: what is found of it."""
    settings = connected_settings(load_settings(data_dir=Path(stack.demo.environment["EXOSEND_DATA_DIR"])))
    database = Database(settings, Role.ENGINE)
    accepted = read_log(stack.demo.accept_log)
    engine = Engine(settings, database, stack.organization_id, stack.organization_id)  # type: ignore[arg-type]
    found = []
    for campaign_id, addresses in campaigns.items():
        with database.transaction(None) as session:
            asked = text("SELECT id FROM runs WHERE campaign_id = :id")
            (run_id,) = session.execute(asked, {"id": campaign_id}).scalars().all()
        found.append(
            examine(engine, engine.find(run_id), +type(accepted)({address: accepted[address] for address in addresses}))
        )
    database.close()
    return found


def _ended(stack: Stack, campaigns: dict[str, set[str]]) -> None:
    for campaign_id in campaigns:
        stack.wait_status(campaign_id, "completed", END_SECONDS)


def _has_begun(stack: Stack, campaign_id: str) -> bool:
    return bool(stack.campaign(campaign_id)["total_sent"] > 0)


@pytest.mark.timeout(1500)
def test_prefect_away_before_during_and_after_a_start(stack: Stack, server: PrefectServer, trial: Trial) -> None:
    campaigns = _drafts(stack, 4)
    early, begun, going, last = campaigns
    with server.suspended():
        _send(stack, early)
        trial.wait(short=3, long=90)
        assert stack.campaign(early)["total_sent"] == 0
    _send(stack, begun)
    wait_for("its flow run", lambda: stack.flow_runs(begun))
    server.kill()
    trial.wait(short=0, long=20)
    server.wait_back()
    _send(stack, going)
    wait_for("the first message", lambda: _has_begun(stack, going))
    with server.suspended():
        assert stack.wait_status(going, "completed", END_SECONDS)["total_sent"] == PEOPLE
        trial.wait(short=0, long=60)
    _send(stack, last)
    wait_for("the first message", lambda: _has_begun(stack, last))
    server.kill()
    _ended(stack, campaigns)
    found = _examine(stack, campaigns)
    trial.write("Prefect's server away before, during and after a start", 4, found)
    assert sum(one.uncertain for one in found) == 0


@pytest.mark.timeout(1500)
def test_prefect_that_lost_its_database(stack: Stack, server: PrefectServer, trial: Trial) -> None:
    """Two campaigns run, as many as the worker takes; others wait for it; and for their hour; one is paused."""
    running, queued = _drafts(stack, 2), _drafts(stack, 2, 20)
    ((paused, paused_addresses),) = _drafts(stack, 1).items()
    by_api, by_prefect = _drafts(stack, 1, 20), _drafts(stack, 1, 20)
    everything = running | queued | {paused: paused_addresses} | by_api | by_prefect
    _send(stack, paused)
    wait_for("the first message", lambda: _has_begun(stack, paused))
    stack.client.call("POST", f"/campaigns/{paused}/pause")
    at = (datetime.now(UTC) + timedelta(seconds=120 if LONG else 75)).strftime("%Y-%m-%dT%H:%M:%S+00:00")
    for campaign_id in by_api:
        stack.client.call("POST", f"/campaigns/{campaign_id}/schedule", json={"scheduled_at": at})
        wait_for("a scheduled run", lambda: [run for run in stack.flow_runs(campaign_id) if _is_scheduled(run)])  # noqa: B023
    for campaign_id in by_prefect:
        stack.start_from_prefect(campaign_id, type="SCHEDULED", state_details={"scheduled_time": at})
        stack.wait_status(campaign_id, "scheduled")
    for campaign_id in running:
        _send(stack, campaign_id)
    wait_for("the first messages", lambda: all(_has_begun(stack, campaign_id) for campaign_id in running))
    for campaign_id in queued:
        _send(stack, campaign_id)
        wait_for("its flow run", lambda: stack.flow_runs(campaign_id))  # noqa: B023
    server.wipe()
    server.wait_back()
    for campaign_id in by_api | by_prefect:
        wait_for("its scheduled run", lambda: [run for run in stack.flow_runs(campaign_id) if _is_scheduled(run)])  # noqa: B023
        assert stack.campaign(campaign_id)["scheduled_at"] == at
    stack.client.call("POST", f"/campaigns/{paused}/resume")
    _ended(stack, everything)
    assert all(stack.campaign(campaign_id)["sent_at"] >= at for campaign_id in by_api | by_prefect)
    found = _examine(stack, everything)
    trial.write("Prefect's database wiped", 1, found)
    assert sum(one.uncertain for one in found) == 0


def _is_scheduled(flow_run: dict[str, object]) -> bool:
    return flow_run["state_type"] == "SCHEDULED"
