"""SMS campaigns over HTTP: their moves between states, and what sending asks for."""

from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import text

from api import campaign_actions
from models.pipelines import SEND_CAMPAIGN, SendCampaign
from models.store.organizations import top_up
from models.store.sender_ids import add_verified_sender_id, request_sender_id

PATH = "/sms/campaigns"
LATER = {"scheduled_at": "2052-01-01T00:00:00Z"}
RIGA, LONDON = "+37120000001", "+447400123456"
MOVES: dict[str, tuple[set[str], Any]] = {
    "schedule": ({"draft"}, LATER),
    "unschedule": ({"scheduled"}, None),
    "pause": ({"sending"}, None),
    "resume": ({"paused"}, None),
    "cancel": ({"scheduled", "sending", "paused"}, None),
}
STATUSES = ["draft", "scheduled", "sending", "paused", "sent", "completed", "cancelled", "failed"]


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
    """A campaign that has all that sending needs: a text, a default sender, three recipients, credits."""
    with engine.transaction(None) as session:
        add_verified_sender_id(session, acme.organization_id, "EXOSMS")
        top_up(session, acme.organization_id, Decimal(1), reference="t1")
        session.execute(text("UPDATE prices SET price = 0.05 WHERE channel = 'sms' AND prefix = '371'"))
    people = [
        {"email": "a@example.com", "phone": RIGA, "first_name": "ė" * 80},
        {"email": "b@example.com", "phone": "+37120000002"},
        {"email": "c@example.com"},
    ]
    ids = [acme.created("/contacts", person)["id"] for person in people]
    list_id = acme.created("/contact-lists", {"name": "All"})["id"]
    acme.post(f"/contact-lists/{list_id}/contacts", {"contact_ids": ids[1:]})
    targets = {"target_list_ids": [list_id], "contact_ids": ids[:1], "manual_phones": ["+37120000003", RIGA]}
    return str(acme.created(PATH, {"name": "Sale", "message_content": "Hi {{ first_name }}!", **targets})["id"])


def _balance(client) -> float:
    return client.get("/balance").get_json()["data"]["balance"]


def _status(client, campaign_id: str) -> str:
    return client.get(f"{PATH}/{campaign_id}").get_json()["data"]["status"]


def test_sending_prices_everybody_holds_the_cost_and_starts_the_flow(acme, ready, started) -> None:
    answer = acme.post(f"{PATH}/{ready}/send")
    assert (answer.status_code, answer.get_json()["message"]) == (200, "Campaign sending started.")
    data = answer.get_json()["data"]
    assert (data["status"], data["total_recipients"], data["total_sent"]) == ("sending", 3, 0)
    assert (data["total_segments"], data["total_cost"], data["sender_id"]) == (4, 0.2, "EXOSMS")
    assert data["sent_at"] is not None
    assert _balance(acme) == 0.8
    [call] = started
    assert (call["deployment"], call["run_name"]) == (SEND_CAMPAIGN, "Acme · Sale (SMS)")
    assert call["idempotency_key"] == f"{call['parameters'].run_id}:1"
    assert "channel:sms" in call["tags"]


def test_of_two_equal_sends_the_second_is_too_late(acme, ready, started) -> None:
    assert [acme.post(f"{PATH}/{ready}/send").status_code for _ in range(2)] == [200, 409]
    assert len(started) == 1


def test_a_scheduled_campaign_may_be_sent_before_its_hour(acme, ready, started) -> None:
    acme.post(f"{PATH}/{ready}/schedule", LATER)
    assert acme.post(f"{PATH}/{ready}/send").get_json()["data"]["status"] == "sending"
    assert len(started) == 1


def test_without_credits_nothing_is_sent(acme, ready, engine, started) -> None:
    with engine.transaction(None) as session:
        session.execute(text("UPDATE prices SET price = 0.75 WHERE channel = 'sms'"))
    answer = acme.post(f"{PATH}/{ready}/send")
    assert answer.status_code == 402
    assert answer.get_json()["data"] == {"required": 3, "available": 1}
    assert (_status(acme, ready), started) == ("draft", [])


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"target_list_ids": [], "contact_ids": [], "manual_phones": []}, "recipients"),
        ({"target_list_ids": [], "contact_ids": [], "manual_phones": [LONDON]}, "recipients"),
        ({"message_content": "{% if false == true %}x{% endif %}"}, "recipients"),
    ],
)
def test_without_a_recipient_nothing_is_sent(acme, ready, engine, started, change, field) -> None:
    with engine.transaction(None) as session:  # so London has no price
        session.execute(text("DELETE FROM prices WHERE channel = 'sms' AND prefix LIKE '44%'"))
    acme.put(f"{PATH}/{ready}", change)
    answer = acme.post(f"{PATH}/{ready}/send")
    assert (answer.status_code, list(answer.get_json()["errors"])) == (422, [field])
    assert (_status(acme, ready), _balance(acme), started) == ("draft", 1, [])


def test_a_sender_id_that_is_not_verified_cannot_be_sent_from(acme, ready, engine) -> None:
    with engine.transaction(None) as session:
        asked = request_sender_id(session, acme.organization_id, "Pending")
    acme.put(f"{PATH}/{ready}", {"sender_id_id": str(asked.id)})
    answer = acme.post(f"{PATH}/{ready}/send")
    assert (answer.status_code, list(answer.get_json()["errors"])) == (422, ["sender_id_id"])
    assert acme.get(f"{PATH}/{ready}").get_json()["data"]["sender_id"] == "Pending"


def test_a_sender_id_stays_while_a_scheduled_campaign_needs_it(acme, ready, engine) -> None:
    with engine.transaction(None) as session:
        sender = str(add_verified_sender_id(session, acme.organization_id, "Shop").id)
    acme.put(f"{PATH}/{ready}", {"sender_id_id": sender})
    acme.post(f"{PATH}/{ready}/schedule", LATER)
    refused = acme.delete(f"/sender-ids/{sender}")
    assert (refused.status_code, refused.get_json()["error"]["code"]) == (409, "has_campaigns")
    acme.post(f"{PATH}/{ready}/unschedule")
    assert acme.delete(f"/sender-ids/{sender}").status_code == 200
    assert acme.get(f"{PATH}/{ready}").get_json()["data"]["sender_id"] is None


def test_a_campaign_is_paused_resumed_and_cancelled(acme, ready, started) -> None:
    acme.post(f"{PATH}/{ready}/send")
    for move, status in (("pause", "paused"), ("resume", "sending"), ("cancel", "cancelled")):
        answer = acme.post(f"{PATH}/{ready}/{move}").get_json()
        assert answer["data"]["status"] == status
        assert answer["message"] == f"Campaign {'cancelled' if move == 'cancel' else move + 'd'}."
    assert [call["run_name"] for call in started] == ["Acme · Sale (SMS)", "Acme · Sale (SMS) #2"]


def test_a_schedule_is_set_and_taken_back(acme, ready) -> None:
    answer = acme.post(f"{PATH}/{ready}/schedule", {"scheduled_at": "2052-02-01T09:00:00", "timezone": "Europe/Riga"})
    data = answer.get_json()["data"]
    assert (data["status"], data["scheduled_at"]) == ("scheduled", "2052-02-01T07:00:00+00:00")
    answer = acme.post(f"{PATH}/{ready}/unschedule").get_json()
    assert (answer["data"]["status"], answer["data"]["scheduled_at"]) == ("draft", None)
    assert acme.post(f"{PATH}/{ready}/schedule", {"scheduled_at": "2020-01-01"}).status_code == 422


@pytest.mark.parametrize("status", STATUSES)
def test_what_a_state_does_not_allow_is_a_conflict(acme, engine, status) -> None:
    path = f"{PATH}/{acme.created(PATH, {'name': 'Sale', 'message_content': 'Hi'})['id']}"
    with engine.transaction(None) as session:
        session.execute(text("UPDATE campaigns SET status = :status"), {"status": status})
    refused = [acme.post(f"{path}/{name}", body) for name, (sources, body) in MOVES.items() if status not in sources]
    if status != "draft":
        refused += [acme.put(path, {"name": "X"}), acme.delete(path)]
    if status not in ("draft", "scheduled"):
        refused.append(acme.post(f"{path}/send"))
    for answer in refused:
        assert answer.status_code == 409
        body = answer.get_json()
        assert (body["success"], bool(body["message"])) == (False, True)
        assert body["error"] == {"code": "invalid_status", "current_status": status}
    assert acme.get(path).get_json()["data"]["status"] == status


def test_the_balance_of_the_run_is_what_it_cost(acme, ready, engine) -> None:
    acme.post(f"{PATH}/{ready}/send")
    with engine.transaction(None) as session:
        session.execute(
            text(
                "UPDATE runs SET planned_at = now(), charged = 0.2, refunded = 0.05, total_delivered = 1,"
                " total_bounced = 1"
            )
        )
        session.execute(
            text(
                "INSERT INTO chunks (run_id, no, organization_id, state, size, accepted, failed)"
                " SELECT id, 0, organization_id, 'done', 3, 2, 1 FROM runs"
            )
        )
    shown = acme.get(f"{PATH}/{ready}").get_json()["data"]
    totals = {"total_sent": 2, "total_delivered": 1, "total_failed": 2, "total_segments": 4, "total_cost": 0.15}
    assert shown.items() >= totals.items()
