"""Email campaigns over HTTP: their moves between states, and what sending asks for."""

from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import text

from api import campaign_actions
from models.pipelines import SEND_CAMPAIGN, SendCampaign
from models.store.organizations import add_verified_domain, top_up

LATER = {"scheduled_at": "2030-01-01T00:00:00Z"}
MOVES: dict[str, tuple[set[str], Any]] = {
    "schedule": ({"draft"}, LATER),
    "unschedule": ({"scheduled"}, None),
    "pause": ({"sending"}, None),
    "resume": ({"paused"}, None),
    "cancel": ({"draft", "scheduled", "sending", "paused"}, None),
}
STATUSES = ["draft", "scheduled", "sending", "paused", "completed", "cancelled", "failed"]


@pytest.fixture
def started(monkeypatch) -> list[dict[str, Any]]:
    """What would have been started in Prefect."""
    calls: list[dict[str, Any]] = []

    def start_flow(_settings: object, deployment: str, parameters: SendCampaign, **options: Any) -> None:
        calls.append({"deployment": deployment, "parameters": parameters, **options})

    monkeypatch.setattr(campaign_actions, "start_flow", start_flow)
    return calls


@pytest.fixture
def ready(acme, engine, started) -> str:
    """The id of a campaign that has all that sending needs: content, a verified domain, two recipients, credits."""
    with engine.transaction(None) as session:
        add_verified_domain(session, acme.organization_id, "acme.example.com")
        top_up(session, acme.organization_id, Decimal(1), reference="t1")
    ids = [acme.created("/contacts", {"email": f"c{n}@example.com"})["id"] for n in range(3)]
    acme.put(f"/contacts/{ids[2]}", {"status": "unsubscribed"})
    list_id = acme.created("/contact-lists", {"name": "All"})["id"]
    acme.post(f"/contact-lists/{list_id}/contacts", {"contact_ids": ids})
    body = {"name": "January", "subject": "S", "html_content": "<p>Hi</p>", "target_list_ids": [list_id]}
    return str(acme.created("/campaigns", body)["id"])


def _balance(client) -> float:
    return client.get("/balance").get_json()["data"]["balance"]


def test_sending_holds_the_cost_and_starts_the_flow_after_the_commit(acme, ready, started) -> None:
    answer = acme.post(f"/campaigns/{ready}/send")
    assert (answer.status_code, answer.get_json()["message"]) == (200, "Campaign sending started.")
    data = answer.get_json()["data"]
    assert (data["status"], data["total_recipients"], data["total_sent"]) == ("sending", 2, 0)
    assert data["sent_at"] is not None
    assert _balance(acme) < 1
    [call] = started
    assert call["deployment"] == SEND_CAMPAIGN
    assert str(call["parameters"].campaign_id) == ready
    assert call["idempotency_key"] == f"{call['parameters'].run_id}:1"
    assert call["run_name"] == "Acme · January"


def test_of_two_equal_sends_the_second_is_too_late(acme, ready, started) -> None:
    assert [acme.post(f"/campaigns/{ready}/send").status_code for _ in range(2)] == [200, 409]
    assert len(started) == 1


def test_without_a_recipient_nothing_is_sent(acme, ready, started) -> None:
    acme.put(f"/campaigns/{ready}", {"segment_filters": {"first_name": "Nobody"}})
    answer = acme.post(f"/campaigns/{ready}/send")
    assert answer.status_code == 422
    assert acme.get(f"/campaigns/{ready}").get_json()["data"]["status"] == "draft"
    assert not started


@pytest.mark.parametrize(
    "change", [{"subject": None}, {"html_content": None}, {"from_email": "a@unverified.example.org"}]
)
def test_without_content_or_sender_nothing_is_sent(acme, ready, change) -> None:
    acme.put(f"/campaigns/{ready}", change)
    assert acme.post(f"/campaigns/{ready}/send").status_code == 422
    assert _balance(acme) == 1


def test_without_credits_nothing_is_sent(acme, ready, engine, started) -> None:
    with engine.transaction(None) as session:
        session.execute(text("UPDATE prices SET price = 0.75 WHERE channel = 'email'"))
    answer = acme.post(f"/campaigns/{ready}/send")
    assert answer.status_code == 402
    assert answer.get_json() == {
        "success": False,
        "message": "Insufficient credits.",
        "data": {"required": 1.5, "available": 1},
    }
    assert acme.get(f"/campaigns/{ready}").get_json()["data"]["status"] == "draft"
    assert not started


def test_a_campaign_is_paused_resumed_and_cancelled(acme, ready, started) -> None:
    acme.post(f"/campaigns/{ready}/send")
    for move, status in (("pause", "paused"), ("resume", "sending"), ("cancel", "cancelled")):
        answer = acme.post(f"/campaigns/{ready}/{move}").get_json()
        assert answer["data"]["status"] == status
        assert answer["message"] == f"Campaign {'cancelled' if move == 'cancel' else move + 'd'}."
    assert [call["idempotency_key"].split(":")[1] for call in started] == ["1", "2"]


def test_a_schedule_is_set_and_taken_back(acme, ready) -> None:
    answer = acme.post(
        f"/campaigns/{ready}/schedule", {"scheduled_at": "2030-02-01T09:00:00", "timezone": "Europe/Riga"}
    )
    data = answer.get_json()["data"]
    assert (data["status"], data["scheduled_at"]) == ("scheduled", "2030-02-01T07:00:00+00:00")
    answer = acme.post(f"/campaigns/{ready}/unschedule").get_json()
    assert (answer["data"]["status"], answer["data"]["scheduled_at"]) == ("draft", None)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "scheduled_at"),
        ({"scheduled_at": "2020-01-01T00:00:00Z"}, "scheduled_at"),
        ({"scheduled_at": 1893456000}, "scheduled_at"),
        ({**LATER, "timezone": "../etc/passwd"}, "timezone"),
    ],
)
def test_a_schedule_is_in_the_future(acme, body, field) -> None:
    campaign = acme.created("/campaigns", {"name": "January"})
    answer = acme.post(f"/campaigns/{campaign['id']}/schedule", body)
    assert (answer.status_code, list(answer.get_json()["errors"])) == (422, [field])


@pytest.mark.parametrize("status", STATUSES)
def test_what_a_state_does_not_allow_is_a_conflict(acme, engine, status) -> None:
    campaign = acme.created("/campaigns", {"name": "January"})
    path = f"/campaigns/{campaign['id']}"
    with engine.transaction(None) as session:
        session.execute(text("UPDATE campaigns SET status = :status"), {"status": status})
    refused = [acme.post(f"{path}/{name}", body) for name, (sources, body) in MOVES.items() if status not in sources]
    if status != "draft":
        refused += [acme.put(path, {"name": "X"}), acme.delete(path), acme.post(f"{path}/send")]
    for answer in refused:
        assert answer.status_code == 409
        body = answer.get_json()
        assert body["success"] is False
        assert body["error"] == {"code": "invalid_status", "current_status": status}
        assert body["message"]
    assert acme.get(path).get_json()["data"]["status"] == status
