"""A campaign from the API's POST to Prefect's artifacts."""

import io
import signal

import polars as pl

from deployments.sink_log import read_log
from tests.support.stack import Stack, exosend, wait_for


def test_a_campaign_is_sent_and_prefect_tells_what_it_did(stack: Stack, tmp_path) -> None:
    list_id, addresses = stack.audience(300)
    opted_out = min(addresses)
    stack.client.call("POST", "/suppressions", json={"email": opted_out, "reason": "manual"})
    campaign_id = stack.draft(list_id, name="January Newsletter")
    started = stack.client.call("POST", f"/campaigns/{campaign_id}/send")
    assert (started["status"], started["total_recipients"]) == ("sending", 299)
    done = stack.wait_status(campaign_id, "completed")
    assert (done["total_sent"], done["total_uncertain"], done["dropped"]) == (299, 0, {"suppressed": 1})
    accepted = read_log(stack.demo.accept_log)
    assert {address: accepted[address] for address in addresses} == {
        address: int(address != opted_out) for address in addresses
    }
    assert stack.client.call("GET", "/balance")["balance"] == 4997.01

    run = wait_for("the flow run's end", lambda: next((r for r in stack.flow_runs(campaign_id) if r["end_time"]), None))
    assert (run["name"], run["state_type"]) == ("Acme · January Newsletter", "COMPLETED")
    artifacts = stack.prefect("POST", "/artifacts/filter", json={"artifacts": {"flow_run_id": {"any_": [run["id"]]}}})
    kinds = {artifact["key"].split("-")[0]: artifact["type"] for artifact in artifacts}
    assert kinds == {"funnel": "table", "progress": "progress", "delivery": "table", "summary": "markdown"}
    summary = next(artifact["data"] for artifact in artifacts if artifact["type"] == "markdown")
    assert "**299** of 299 accepted" in summary
    run_id = run["parameters"]["run_id"]
    assert run_id in summary

    out = tmp_path / "results.parquet"
    exosend(stack.demo, "results", run_id, "--out", str(out))
    results = pl.read_parquet(io.BytesIO(out.read_bytes()))
    assert dict(results.group_by("status").len().iter_rows()) == {"accepted": 299, "dropped": 1}


def test_the_form_in_prefect_explains_itself(stack: Stack) -> None:
    deployment = stack.prefect("GET", "/deployments/name/send-campaign/send-campaign")
    schema = deployment["parameter_openapi_schema"]
    assert schema["required"] == ["campaign_id"]
    assert schema["properties"]["campaign_id"]["format"] == "uuid"
    assert all(field["title"] and field["description"] for field in schema["properties"].values())
    assert "Start it here with the id of a draft" in deployment["description"]


def test_a_draft_is_sent_from_prefects_form(stack: Stack) -> None:
    list_id, addresses = stack.audience(40)
    campaign_id = stack.draft(list_id)
    flow_run_id = stack.start_from_prefect(campaign_id)
    done = stack.wait_status(campaign_id, "completed")
    assert done["total_sent"] == 40
    accepted = read_log(stack.demo.accept_log)
    assert all(accepted[address] == 1 for address in addresses)
    name = wait_for("a name", lambda: stack.prefect("GET", f"/flow_runs/{flow_run_id}")["name"])
    assert name == "Acme · News"


def test_a_campaign_that_was_sent_is_not_sent_again_from_prefect(stack: Stack) -> None:
    list_id, addresses = stack.audience(5)
    campaign_id = stack.draft(list_id)
    stack.client.call("POST", f"/campaigns/{campaign_id}/send")
    stack.wait_status(campaign_id, "completed")
    balance = stack.client.call("GET", "/balance")["balance"]
    flow_run_id = stack.start_from_prefect(campaign_id)
    ended = wait_for(
        "the end of the second start",
        lambda: run if (run := stack.prefect("GET", f"/flow_runs/{flow_run_id}"))["end_time"] else None,
    )
    assert ended["state_type"] == "FAILED"
    assert ended["state"]["message"] == "A campaign that is completed cannot be sent."
    assert stack.client.call("GET", "/balance")["balance"] == balance
    assert read_log(stack.demo.accept_log)[min(addresses)] == 1


def test_killing_the_process_that_sends_loses_nobody_and_doubles_nobody(stack: Stack) -> None:
    """SIGKILL in the middle, and then nothing is done: the courier notices, and sends the rest."""
    window = 50
    list_id, addresses = stack.audience(4000)
    campaign_id = stack.draft(list_id, batch_size=window, send_rate_per_minute=30_000)
    stack.client.call("POST", f"/campaigns/{campaign_id}/send")
    wait_for("the first hundred", lambda: stack.campaign(campaign_id)["total_sent"] >= 100)
    senders = stack.flow_processes()
    assert senders
    for sender in senders:
        sender.send_signal(signal.SIGKILL)
    assert stack.campaign(campaign_id)["total_sent"] < 4000, "It had ended before it could be killed."
    done = stack.wait_status(campaign_id, "completed", seconds=180)
    accepted = read_log(stack.demo.accept_log)
    in_log = sum(accepted[address] for address in addresses)
    assert max(accepted[address] for address in addresses) == 1
    assert done["total_sent"] + done["total_uncertain"] == 4000
    assert done["total_sent"] <= in_log <= 4000
    assert done["total_uncertain"] <= 2 * window * len(senders)
    in_doubt = in_log - done["total_sent"]
    print(f"{len(senders)} killed: {done['total_uncertain']} uncertain, {in_doubt} of them in the mail server's log")
