"""Prefect's server is away, or has lost its database, while campaigns begin, go on and end on a running stack.

Away is both: it takes connections and answers nothing, and it was killed. FAULTS=long: for a minute or two each time.
"""

import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from deployments.demo_stack import DemoStack, running_stack
from tests.support.prefect_server import PrefectServer
from tests.support.stack import Stack, wait_for
from tests.support.stack_runs import examine_campaigns
from tests.support.trials import Trial

LONG = os.environ.get("FAULTS") == "long"
PEOPLE = 5000 if LONG else 250
PER_MINUTE = 3000 if LONG else 1500
END_SECONDS = 600.0 if LONG else 300.0


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


@pytest.fixture
def drafts(stack: Stack) -> list[str]:
    """Campaigns to the same people."""
    list_id, _ = stack.audience(PEOPLE)
    return [stack.draft(list_id, batch_size=50, send_rate_per_minute=PER_MINUTE) for _ in range(7)]


def _send(stack: Stack, campaign_id: str) -> None:
    assert stack.client.call("POST", f"/campaigns/{campaign_id}/send")["status"] == "sending"


def _in_seconds(seconds: float) -> str:
    return (datetime.now(UTC) + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%S+00:00")


def _begin(stack: Stack, campaign_id: str) -> None:
    _send(stack, campaign_id)
    wait_for("the first message", lambda: stack.campaign(campaign_id)["total_sent"] > 0)


def _flow_run(stack: Stack, campaign_id: str, state: str) -> dict[str, Any]:
    def look() -> dict[str, Any] | None:
        return next((run for run in stack.flow_runs(campaign_id) if run["state_type"] == state), None)

    return wait_for(f"a flow run that is {state}", look, END_SECONDS)


@pytest.mark.timeout(1500)
def test_prefect_away_before_during_and_after_a_start(
    stack: Stack, server: PrefectServer, drafts: list[str], trial: Trial
) -> None:
    early, begun, going, last = campaigns = drafts[:4]
    with server.suspended():
        _send(stack, early)
        trial.wait(short=3, long=90)
        assert stack.campaign(early)["total_sent"] == 0
    _send(stack, begun)
    wait_for("its flow run", lambda: stack.flow_runs(begun))
    server.kill()
    server.wait_back()
    _begin(stack, going)
    with server.suspended():
        assert stack.wait_status(going, "completed", END_SECONDS)["total_sent"] == PEOPLE
        trial.wait(short=0, long=60)
    _begin(stack, last)
    server.kill()
    for campaign_id in campaigns:
        stack.wait_status(campaign_id, "completed", END_SECONDS)
    found = examine_campaigns(stack, campaigns)
    trial.write("Prefect's server away before, during and after a start", 4, found)
    assert sum(one.uncertain for one in found) == 0


@pytest.mark.timeout(1500)
def test_prefect_that_lost_its_database(stack: Stack, server: PrefectServer, drafts: list[str], trial: Trial) -> None:
    """Two campaigns run, as many as the worker takes; one is paused; others wait for the worker, or for their hour."""
    paused, first, second, queued, queued_too, by_api, by_prefect = drafts
    scheduled = (by_api, by_prefect)
    _begin(stack, paused)
    stack.client.call("POST", f"/campaigns/{paused}/pause")
    _begin(stack, first)
    _begin(stack, second)
    _send(stack, queued)
    _send(stack, queued_too)
    at = _in_seconds(3600)
    stack.client.call("POST", f"/campaigns/{by_api}/schedule", json={"scheduled_at": at})
    stack.start_from_prefect(by_prefect, type="SCHEDULED", state_details={"scheduled_time": at})
    stack.wait_status(by_prefect, "scheduled")
    before = [_flow_run(stack, campaign_id, "SCHEDULED")["id"] for campaign_id in scheduled]
    server.wipe()
    server.wait_back()
    after = [_flow_run(stack, campaign_id, "SCHEDULED") for campaign_id in scheduled]
    assert not {run["id"] for run in after} & {*before}
    assert [datetime.fromisoformat(run["expected_start_time"]) for run in after] == [datetime.fromisoformat(at)] * 2
    at = _in_seconds(20)
    for campaign_id in scheduled:
        assert stack.campaign(campaign_id)["status"] == "scheduled"
        stack.client.call("POST", f"/campaigns/{campaign_id}/unschedule")
        stack.client.call("POST", f"/campaigns/{campaign_id}/schedule", json={"scheduled_at": at})
    stack.client.call("POST", f"/campaigns/{paused}/resume")
    for campaign_id in drafts:
        stack.wait_status(campaign_id, "completed", END_SECONDS)
    assert all(stack.campaign(campaign_id)["sent_at"] >= at for campaign_id in scheduled)
    found = examine_campaigns(stack, drafts)
    trial.write("Prefect's database wiped", 1, found)
    assert sum(one.uncertain for one in found) == 0
