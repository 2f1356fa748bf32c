"""SMS campaigns: from a draft to the last report, and what may be done in which state."""

from typing import Any

import pytest

from tests.support.contract import Caller, is_illegal, is_page, is_past_the_end, succeeds

FIELDS = {"id", "name", "status", "message_content", "sender_id", "sender_id_id", "target_list_ids", "contact_ids"}
FIELDS |= {"manual_phones", "total_recipients", "total_sent", "total_delivered", "total_failed", "total_segments"}
FIELDS |= {"total_cost", "scheduled_at", "timezone", "batch_size", "send_rate_per_minute", "created_at", "updated_at"}
FIELDS |= {"sent_at", "completed_at", "failure_reason", "pause_reason"}
LATER = {"scheduled_at": "2090-03-28"}
MADE, SENDING = "Campaign created.", "Campaign sending started."


def test_an_sms_campaign_is_made_changed_shown_listed_and_deleted(acme: Caller) -> None:
    body = {"name": "b", "message_content": "n", "manual_phones": ["+37061234567"], "batch_size": 22}
    made = succeeds(acme.post("/sms/campaigns", {**body, "send_rate_per_minute": 7}), 201, MADE)
    path = f"/sms/campaigns/{made['id']}"
    changed = acme.put(path, {"name": "c"}).json()["data"]
    shown = succeeds(acme.get(path), 200)
    assert made.keys() >= FIELDS
    assert made.keys() == changed.keys() == shown.keys()
    assert (shown["status"], shown["name"], shown["manual_phones"]) == ("draft", "c", ["+37061234567"])
    listed = is_page(succeeds(acme.get("/sms/campaigns"), 200), "data", shown.keys())
    assert listed[0]["id"] == made["id"]
    assert acme.get(f"/campaigns/{made['id']}").status_code == 404
    assert acme.delete(path).status_code == 200
    assert acme.get(path).status_code == 404
    is_past_the_end(acme, "/sms/campaigns")


def test_an_sms_campaign_goes_once_to_each_number(alone: Caller) -> None:
    known = alone.contact(phone="+37061234567", first_name="Ann")
    other = alone.contact(phone="+37061234568", first_name="Ben")
    body = {
        "name": "January",
        "message_content": "Hello {{ first_name }}",
        "target_list_ids": [alone.contact_list(known)],
        "contact_ids": [known["id"], other["id"]],
        "manual_phones": ["+37061234567", "+37061234569"],
    }
    path = f"/sms/campaigns/{alone.made('/sms/campaigns', body)['id']}"
    before = alone.get("/balance").json()["data"]["balance"]
    sending = succeeds(alone.post(f"{path}/send"), 200, SENDING)
    assert (sending["status"], sending["total_recipients"]) == ("sending", 3)
    done = alone.reaches(path, "completed", 120)
    assert (done["total_sent"], done["total_delivered"], done["total_failed"]) == (3, 3, 0)
    assert (done["total_segments"], done["total_cost"]) == (3, 0.105)
    assert alone.get("/balance").json()["data"]["balance"] == round(before - 0.105, 4)


def test_one_that_is_made_with_an_hour_is_scheduled(acme: Caller) -> None:
    body = {"name": "b", "message_content": "n", "manual_phones": ["+37061234567"], "timezone": "Asia/Yekaterinburg"}
    made = acme.made("/sms/campaigns", {**body, **LATER})
    assert (made["status"], made["scheduled_at"]) == ("scheduled", "2090-03-27T19:00:00+00:00")
    assert acme.post(f"/sms/campaigns/{made['id']}/cancel").json()["data"]["status"] == "cancelled"


@pytest.mark.parametrize(
    ("state", "way", "illegal"),
    [
        ("draft", [], ["pause", "resume"]),
        ("scheduled", ["schedule"], ["pause", "resume"]),
        ("cancelled", ["schedule", "cancel"], ["send", "pause", "resume", "cancel"]),
    ],
)
def test_what_a_state_does_not_allow_is_refused(
    acme: Caller, sms_campaign: dict[str, Any], state: str, way: list[str], illegal: list[str]
) -> None:
    path = f"/sms/campaigns/{sms_campaign['id']}"
    for action in way:
        assert acme.post(f"{path}/{action}", LATER if action == "schedule" else None).status_code == 200
    for action in illegal:
        is_illegal(acme.post(f"{path}/{action}"), state)


def test_a_slow_one_is_paused_resumed_and_cancelled(acme: Caller) -> None:
    numbers = [f"+3706123456{n}" for n in range(5)]
    body = {"name": "Slow", "message_content": "x", "manual_phones": numbers}
    made = acme.made("/sms/campaigns", {**body, "send_rate_per_minute": 1, "batch_size": 1})
    path = f"/sms/campaigns/{made['id']}"
    assert acme.post(f"{path}/send").status_code == 200
    assert acme.post(f"{path}/pause").json()["data"]["status"] == "paused"
    assert acme.post(f"{path}/resume").json()["data"]["status"] == "sending"
    assert acme.post(f"{path}/cancel").json()["data"]["status"] == "cancelled"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"name": None}, "name"),
        ({"message_content": None}, "message_content"),
        ({"manual_phones": ["+36"]}, "manual_phones.0"),
        ({"sender_id_id": "6b72fe4a-5b40-307c-bc24-f79acf9a1bb9"}, "sender_id_id"),
        ({"target_list_ids": ["977e5426-8d13-3824-86aa-b092f8ae52c5"]}, "target_list_ids.0"),
        ({"contact_ids": ["d6fa562b-acd5-35ff-babb-d11194d3737b"]}, "contact_ids.0"),
        ({"batch_size": 0}, "batch_size"),
        ({"timezone": "Mars/Olympus"}, "timezone"),
    ],
)
def test_each_rule_names_its_field(acme: Caller, change: dict[str, Any], field: str) -> None:
    body = {"name": "b", "message_content": "n", "manual_phones": ["+37061234567"]}
    answer = acme.post("/sms/campaigns", {**body, **change})
    assert answer.status_code == 422, answer.text
    assert [name.removesuffix(".0") for name in answer.json()["errors"]] == [field.removesuffix(".0")]
