"""Email campaigns: from a draft to the last email, and what may be done in which state."""

from typing import Any

import pytest

from tests.support.contract import Caller, is_illegal, is_invalid, is_page, is_past_the_end, succeeds

FIELDS = {"id", "name", "description", "status", "email_template_id", "subject", "html_content", "text_content"}
FIELDS |= {"template_variables", "email_domain_id", "from_email", "from_name", "reply_to", "target_list_ids"}
FIELDS |= {"segment_filters", "send_rate_per_minute", "batch_size", "timezone", "scheduled_at", "total_recipients"}
FIELDS |= {"total_sent", "total_delivered", "total_opened", "total_clicked", "total_bounced", "total_failed"}
FIELDS |= {"total_uncertain", "dropped", "open_rate", "click_rate", "bounce_rate", "failure_reason", "created_at"}
FIELDS |= {"updated_at", "sent_at", "completed_at", "pause_reason", "total_unsubscribed", "track_clicks", "track_opens"}
LATER = {"scheduled_at": "2090-03-04T10:00:00+02:00"}
# Each state, the calls that lead a draft there, and those that are not legal in it.
STATES: dict[str, tuple[list[str], list[str]]] = {
    "draft": ([], ["pause", "resume", "unschedule"]),
    "scheduled": (["schedule"], ["pause", "resume", "schedule", "PUT", "DELETE"]),
    "cancelled": (["cancel"], ["send", "pause", "resume", "cancel", "schedule", "unschedule", "PUT", "DELETE"]),
    "completed": (["send"], ["send", "pause", "resume", "cancel", "schedule", "unschedule", "PUT", "DELETE"]),
}


def _do(acme: Caller, campaign_id: str, action: str) -> Any:
    if action in ("PUT", "DELETE"):
        return acme.call(action, f"/campaigns/{campaign_id}", {"name": "x"})
    return acme.post(f"/campaigns/{campaign_id}/{action}", LATER if action == "schedule" else None)


def test_a_campaign_is_made_changed_shown_listed_and_deleted(acme: Caller) -> None:
    made = succeeds(acme.post("/campaigns", {"name": "January", "subject": "S"}), 201, "Campaign created.")
    path = f"/campaigns/{made['id']}"
    changed = succeeds(acme.put(path, {"subject": "T"}), 200, "Campaign updated.")
    shown = succeeds(acme.get(path), 200)
    assert made.keys() == changed.keys() == shown.keys() == FIELDS
    assert (made["status"], shown["name"], shown["subject"]) == ("draft", "January", "T")
    assert (shown["open_rate"], shown["click_rate"], shown["bounce_rate"]) == ("0.0%", "0.0%", "0.0%")
    listed = is_page(succeeds(acme.get("/campaigns", status="draft"), 200), "data", FIELDS)
    assert listed[0]["id"] == made["id"]
    assert succeeds(acme.delete(path), 200, "Campaign deleted.") is None
    assert acme.get(path).status_code == 404
    is_past_the_end(acme, "/campaigns")


def test_a_campaign_is_sent_to_its_audience(alone: Caller) -> None:
    campaign = alone.draft()
    before = alone.get("/balance").json()["data"]["balance"]
    sending = succeeds(alone.post(f"/campaigns/{campaign['id']}/send"), 200, "Campaign sending started.")
    assert (sending["status"], sending["total_recipients"]) == ("sending", 2)
    done = alone.reaches(f"/campaigns/{campaign['id']}", "completed", 120)
    assert (done["total_sent"], done["total_failed"], done["total_uncertain"]) == (2, 0, 0)
    assert done["sent_at"] <= done["completed_at"]
    assert alone.get("/balance").json()["data"]["balance"] == round(before - 0.02, 4)


def test_a_campaign_is_scheduled_and_taken_back(acme: Caller, campaign: dict[str, Any]) -> None:
    path = f"/campaigns/{campaign['id']}"
    data = succeeds(acme.post(f"{path}/schedule", LATER), 200, "Campaign scheduled.")
    assert (data["status"], data["scheduled_at"]) == ("scheduled", "2090-03-04T08:00:00+00:00")
    assert succeeds(acme.post(f"{path}/unschedule"), 200, "Campaign unscheduled.")["status"] == "draft"
    assert succeeds(acme.post(f"{path}/cancel"), 200, "Campaign cancelled.")["status"] == "cancelled"


def test_a_slow_campaign_is_paused_resumed_and_cancelled(acme: Caller) -> None:
    list_id = acme.contact_list(*(acme.contact() for _ in range(5)))
    body = {"name": "Slow", "subject": "S", "text_content": "T", "target_list_ids": [list_id]}
    made = acme.made("/campaigns", {**body, "send_rate_per_minute": 1, "batch_size": 1})
    path = f"/campaigns/{made['id']}"
    acme.post(f"{path}/send")
    assert succeeds(acme.post(f"{path}/pause"), 200, "Campaign paused.")["status"] == "paused"
    is_illegal(acme.post(f"{path}/pause"), "paused")
    assert succeeds(acme.post(f"{path}/resume"), 200, "Campaign resumed.")["status"] == "sending"
    is_illegal(acme.post(f"{path}/resume"), "sending")
    assert succeeds(acme.post(f"{path}/cancel"), 200, "Campaign cancelled.")["status"] == "cancelled"


@pytest.mark.parametrize("state", STATES)
def test_what_a_state_does_not_allow_is_refused(acme: Caller, campaign: dict[str, Any], state: str) -> None:
    way, illegal = STATES[state]
    for action in way:
        assert _do(acme, campaign["id"], action).status_code == 200
    if state == "completed":
        acme.reaches(f"/campaigns/{campaign['id']}", "completed", 120)
    for action in illegal:
        is_illegal(_do(acme, campaign["id"], action), state)
    assert acme.get(f"/campaigns/{campaign['id']}").json()["data"]["status"] == state


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "name"),
        ({"batch_size": 0}, "batch_size"),
        ({"batch_size": 1001}, "batch_size"),
        ({"send_rate_per_minute": 60001}, "send_rate_per_minute"),
        ({"from_email": "x"}, "from_email"),
        ({"target_list_ids": ["x"]}, "target_list_ids.0"),
        ({"segment_filters": {"shoe_size": 42}}, "segment_filters.shoe_size"),
        ({"timezone": "Mars/Olympus"}, "timezone"),
        ({"html_content": "{{ oops"}, "html_content"),
    ],
)
def test_each_rule_names_its_field(acme: Caller, body: dict[str, Any], field: str) -> None:
    answer = acme.post("/campaigns", {"name": "C", **body} if body else {})
    assert answer.status_code == 422, answer.text
    assert list(answer.json()["errors"]) == [field]


def test_sending_needs_content_and_somebody_to_send_to(acme: Caller) -> None:
    empty = acme.made("/campaigns", {"name": "C", "target_list_ids": [acme.contact_list()]})
    answer = acme.post(f"/campaigns/{empty['id']}/send")
    assert (answer.status_code, list(answer.json()["errors"])) == (422, ["subject"])
    acme.put(f"/campaigns/{empty['id']}", {"subject": "S", "text_content": "T"})
    nobody = {"recipients": "The campaign has no recipients after filtering."}
    is_invalid(acme.post(f"/campaigns/{empty['id']}/send"), nobody)
    past = {"scheduled_at": "2020-01-01T00:00:00Z"}
    assert acme.post(f"/campaigns/{empty['id']}/schedule", past).status_code == 422


def test_without_the_credits_it_stays_a_draft(poor: Caller) -> None:
    list_id = poor.contact_list(*(poor.contact() for _ in range(3)))
    body = {"name": "C", "subject": "S", "text_content": "T", "target_list_ids": [list_id]}
    path = f"/campaigns/{poor.made('/campaigns', body)['id']}"
    answer = poor.post(f"{path}/send")
    assert (answer.status_code, answer.json()["data"]) == (402, {"required": 0.03, "available": 0.02})
    assert poor.get(path).json()["data"]["status"] == "draft"
