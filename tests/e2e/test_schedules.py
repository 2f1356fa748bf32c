"""Campaigns that start by the clock, whoever set it."""

from datetime import UTC, datetime, timedelta

from deployments.sink_log import read_log
from tests.support.stack import Stack, wait_for


def _in_seconds(seconds: float) -> str:
    return (datetime.now(UTC) + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%S+00:00")


def test_a_campaign_scheduled_by_the_api_is_sent_at_its_hour(stack: Stack) -> None:
    list_id, addresses = stack.audience(20)
    campaign_id = stack.draft(list_id)
    at = _in_seconds(4)
    scheduled = stack.client.call("POST", f"/campaigns/{campaign_id}/schedule", json={"scheduled_at": at})
    assert (scheduled["status"], scheduled["scheduled_at"]) == ("scheduled", at)
    done = stack.wait_status(campaign_id, "completed")
    assert done["sent_at"] >= at
    accepted = read_log(stack.demo.accept_log)
    assert all(accepted[address] == 1 for address in addresses)


def test_a_draft_scheduled_in_prefect_is_shown_by_the_api_and_sent_once(stack: Stack) -> None:
    list_id, addresses = stack.audience(20)
    campaign_id = stack.draft(list_id)
    at = _in_seconds(20)
    stack.start_from_prefect(campaign_id, type="SCHEDULED", state_details={"scheduled_time": at})
    shown = stack.wait_status(campaign_id, "scheduled", seconds=20)
    assert shown["scheduled_at"] == at
    stack.wait_status(campaign_id, "completed")
    accepted = read_log(stack.demo.accept_log)
    assert all(accepted[address] == 1 for address in addresses)


def test_cancelling_the_scheduled_run_in_prefect_makes_it_a_draft_again(stack: Stack) -> None:
    list_id, _ = stack.audience(3)
    campaign_id = stack.draft(list_id)
    flow_run_id = stack.start_from_prefect(
        campaign_id, type="SCHEDULED", state_details={"scheduled_time": _in_seconds(3600)}
    )
    stack.wait_status(campaign_id, "scheduled", seconds=20)
    stack.prefect("POST", f"/flow_runs/{flow_run_id}/set_state", json={"state": {"type": "CANCELLED"}, "force": True})
    assert stack.wait_status(campaign_id, "draft", seconds=20)["scheduled_at"] is None


def test_unscheduling_by_the_api_cancels_the_run_in_prefect(stack: Stack) -> None:
    list_id, _ = stack.audience(3)
    campaign_id = stack.draft(list_id)
    flow_run_id = stack.start_from_prefect(
        campaign_id, type="SCHEDULED", state_details={"scheduled_time": _in_seconds(3600)}
    )
    stack.wait_status(campaign_id, "scheduled", seconds=20)
    stack.client.call("POST", f"/campaigns/{campaign_id}/unschedule")
    wait_for(
        "the flow run's cancellation",
        lambda: stack.prefect("GET", f"/flow_runs/{flow_run_id}")["state_type"] == "CANCELLED",
    )
    assert stack.campaign(campaign_id)["status"] == "draft"
