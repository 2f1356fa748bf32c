"""What a person does to a flow run in Prefect's UI, by the requests that it sends; and what only looks like it."""

import signal
import time

import httpx2

from deployments.sink_log import read_entries, read_log
from tests.support.stack import Stack, wait_for

PEOPLE = 1500
PER_MINUTE = 3000
_ANSWER_SECONDS = 2.0  # from the change to the last hand-over


def _sending(stack: Stack, **values: object) -> tuple[str, str, set[str]]:
    """A campaign of which a hundred messages are out: its id, that of its flow run, and its people."""
    list_id, addresses = stack.audience(PEOPLE)
    campaign_id = stack.draft(list_id, **{"batch_size": 50, "send_rate_per_minute": PER_MINUTE, **values})
    stack.client.call("POST", f"/campaigns/{campaign_id}/send")
    wait_for("the first hundred", lambda: stack.campaign(campaign_id)["total_sent"] >= 100)
    return campaign_id, str(stack.flow_runs(campaign_id)[0]["id"]), addresses


def _set_state(stack: Stack, flow_run_id: str, state: str) -> float:
    """As the UI does; the time when Prefect had said yes."""
    body = {"state": {"type": state, "name": state.capitalize()}, "force": True}
    stack.prefect("POST", f"/flow_runs/{flow_run_id}/set_state", json=body)
    return time.time()


def _last_hand_over(stack: Stack, addresses: set[str]) -> float:
    return max(entry["time"] for entry in read_entries(stack.demo.accept_log) if entry["recipient"] in addresses)


def test_whoever_has_not_the_password_of_prefect_is_refused(stack: Stack) -> None:
    """All tests of this folder use a server with EXOSEND_PREFECT_AUTH, and so do the API, the courier and the flows."""
    url = f"{stack.demo.prefect_url}/api/deployments/name/send-campaign/send-campaign"
    for auth in (None, ("exosend", "another")):
        assert httpx2.get(url, timeout=20, trust_env=False, auth=auth).status_code == httpx2.codes.UNAUTHORIZED


def test_cancelling_the_flow_run_cancels_the_campaign(stack: Stack) -> None:
    before = stack.client.call("GET", "/balance")["balance"]
    campaign_id, flow_run_id, addresses = _sending(stack)
    at = _set_state(stack, flow_run_id, "CANCELLING")
    stack.wait_status(campaign_id, "cancelled", seconds=20)
    in_prefect = wait_for(
        "the flow run's end",
        lambda: run if (run := stack.prefect("GET", f"/flow_runs/{flow_run_id}"))["end_time"] else None,
    )
    assert in_prefect["state_type"] == "CANCELLED"
    accepted = read_log(stack.demo.accept_log)
    sent = sum(accepted[address] for address in addresses)
    wait_for("the refund", lambda: round(before - stack.client.call("GET", "/balance")["balance"], 4) == sent / 100)
    assert 100 <= sent < PEOPLE
    assert max(accepted[address] for address in addresses) == 1
    assert (now := stack.campaign(campaign_id))["total_sent"] + now["total_uncertain"] == sent
    print(f"From the cancel in Prefect to the last hand-over: {_last_hand_over(stack, addresses) - at:.2f} s")
    assert _last_hand_over(stack, addresses) - at <= _ANSWER_SECONDS


def test_failing_the_flow_run_by_hand_leaves_the_campaign_alone(stack: Stack) -> None:
    campaign_id, flow_run_id, addresses = _sending(stack)
    _set_state(stack, flow_run_id, "FAILED")
    assert stack.wait_status(campaign_id, "completed")["total_sent"] == PEOPLE
    accepted = read_log(stack.demo.accept_log)
    assert {accepted[address] for address in addresses} == {1}


def test_a_worker_that_ends_is_no_person_who_cancels(stack: Stack) -> None:
    """SIGTERM, as from a worker that is stopped: everything is given back, and the courier sends the rest."""
    campaign_id, flow_run_id, addresses = _sending(stack)
    for process in stack.flow_processes():
        process.send_signal(signal.SIGTERM)
    done = stack.wait_status(campaign_id, "completed")
    assert (done["total_sent"], done["total_uncertain"]) == (PEOPLE, 0)
    accepted = read_log(stack.demo.accept_log)
    assert {accepted[address] for address in addresses} == {1}
    assert stack.prefect("GET", f"/flow_runs/{flow_run_id}")["state_type"] == "CRASHED"


def test_after_a_pause_nothing_goes_out_for_long_and_the_flow_ends(stack: Stack) -> None:
    campaign_id, flow_run_id, addresses = _sending(stack)
    stack.client.call("POST", f"/campaigns/{campaign_id}/pause")
    at = time.time()
    in_prefect = wait_for(
        "the flow run's end",
        lambda: run if (run := stack.prefect("GET", f"/flow_runs/{flow_run_id}"))["end_time"] else None,
    )
    assert in_prefect["state_type"] == "COMPLETED"
    assert in_prefect["state"]["message"].startswith("Paused;")
    wait_for("the end of its process", lambda: not stack.flow_processes())
    assert _last_hand_over(stack, addresses) - at <= _ANSWER_SECONDS
    stack.client.call("POST", f"/campaigns/{campaign_id}/resume")
    assert stack.wait_status(campaign_id, "completed")["total_sent"] == PEOPLE
    accepted = read_log(stack.demo.accept_log)
    assert {accepted[address] for address in addresses} == {1}


def test_who_opts_out_of_a_slow_campaign_gets_nothing_after_two_seconds(stack: Stack) -> None:
    list_id, addresses = stack.audience(25)
    campaign_id = stack.draft(list_id, send_rate_per_minute=60)
    stack.client.call("POST", f"/campaigns/{campaign_id}/send")
    wait_for("the first", lambda: stack.campaign(campaign_id)["total_sent"] >= 1)
    left = sorted(addresses - set(read_log(stack.demo.accept_log)))
    for address in left:
        stack.client.call("POST", "/suppressions", json={"email": address, "reason": "manual"})
    at = time.time()
    done = stack.wait_status(campaign_id, "completed")
    assert done["total_sent"] < 25
    assert _last_hand_over(stack, addresses) - at <= _ANSWER_SECONDS
    assert (run := stack.flow_runs(campaign_id)[0])["state_type"] == "COMPLETED"
    assert run["state"]["message"].startswith("Paced")
