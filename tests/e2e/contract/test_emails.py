"""Emails: one, a batch, and what became of them."""

import pytest

from deployments.demo_stack import DemoStack
from deployments.sink_log import read_log
from tests.support.contract import Caller, is_invalid, is_page, is_past_the_end, succeeds

EMAIL = {"id", "batch_id", "status", "from_email", "from_name", "to_email", "to_name", "subject", "cost", "metadata"}
EMAIL |= {"created_at", "sent_at", "delivered_at", "opened_at", "clicked_at", "bounced_at", "error_message"}
EMAIL |= {"error_code"}
BATCH = {"id", "subject", "from_email", "from_name", "source", "status", "total_recipients", "total_cost"}
BATCH |= {"total_sent", "total_delivered", "total_opened", "total_bounced", "total_failed", "delivery_rate"}
BATCH |= {"open_rate", "scheduled_at", "created_at"}
ONE = {"to_email": "john@example.com", "subject": "Welcome!", "html_content": "<p>Thanks for signing up.</p>"}


def test_one_email_is_queued_paid_for_and_sent(running: DemoStack, alone: Caller) -> None:
    body = {**ONE, "to_email": "only.once@example.com", "from_email": f"hello@{alone.domain}", "to_name": "John Doe"}
    before = alone.get("/balance").json()["data"]["balance"]
    data = succeeds(alone.post("/emails/send", body), 202, "Email queued for sending.")
    assert data.keys() == EMAIL
    assert (data["status"], data["to_email"], data["cost"]) == ("pending", "only.once@example.com", 0.01)
    assert alone.get("/balance").json()["data"]["balance"] == round(before - 0.01, 4)
    status = alone.reaches(f"/emails/{data['id']}/status", "sent")
    assert status.keys() == EMAIL
    assert (status["subject"], status["delivered_at"], status["error_code"]) == ("Welcome!", None, None)
    assert read_log(running.accept_log)["only.once@example.com"] == 1


def test_a_form_says_the_same_as_json(acme: Caller) -> None:
    form = {
        "to_email": "form@example.com",
        "subject": "Hello {{ first_name }} of {{ company }}",
        "text_content": "Hi {{ first_name }}",
        "variables[first_name]": "John",
        "variables[company]": "Acme",
        "metadata[order_id]": "12345",
    }
    files = {"attachments[]": ("invoice.txt", b"1 EUR", "text/plain")}
    data = succeeds(acme.post("/emails/send", data=form, files=files), 202, "Email queued for sending.")
    assert data["subject"] == "Hello John of Acme"
    acme.reaches(f"/emails/{data['id']}/status", "sent")


@pytest.mark.parametrize(
    ("body", "errors"),
    [
        ({**ONE, "to_email": "nobody"}, {"to_email": "The to_email field must be a valid email address."}),
        ({"subject": "S", "text_content": "T"}, {"to_email": "The to_email field is required."}),
    ],
)
def test_an_email_that_cannot_be_is_refused(acme: Caller, body: dict[str, str], errors: dict[str, str]) -> None:
    is_invalid(acme.post("/emails/send", body), errors)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"subject": None}, "subject"),
        ({"html_content": None}, "html_content"),
        ({"from_email": "someone@elsewhere.example"}, "from_email"),
        ({"html_content": "{{ oops"}, "html_content"),
        ({"template_id": "01a20873-dd11-7487-b916-d7a158f9babe"}, "template_id"),
        ({"metadata": {"a": {"b": 1}}}, "metadata.a"),
    ],
)
def test_each_rule_names_its_field(acme: Caller, change: dict[str, object], field: str) -> None:
    answer = acme.post("/emails/send", {**ONE, **change})
    assert answer.status_code == 422, answer.text
    assert list(answer.json()["errors"]) == [field]


def test_who_opted_out_is_not_written_to(acme: Caller) -> None:
    acme.made("/suppressions", {"email": "gone@example.com"})
    answer = acme.post("/emails/send", {**ONE, "to_email": "Gone@Example.com"})
    assert answer.status_code == 422
    assert list(answer.json()["errors"]) == ["to_email"]


def test_a_batch_is_all_or_nothing(alone: Caller) -> None:
    before = alone.get("/balance").json()["data"]["balance"]
    emails = [ONE, {**ONE, "to_email": "x"}, {**ONE, "subject": None}]
    answer = alone.post("/emails/send-batch", {"emails": emails})
    assert answer.status_code == 422
    assert list(answer.json()["errors"]) == ["emails.1.to_email", "emails.2.subject"]
    assert alone.get("/balance").json()["data"]["balance"] == before


def test_a_batch_is_paid_for_together_and_every_email_of_it_is_sent(alone: Caller) -> None:
    before = alone.get("/balance").json()["data"]["balance"]
    emails = [{**ONE, "to_email": f"{name}@example.com"} for name in ("a", "b", "a")]
    data = succeeds(alone.post("/emails/send-batch", {"emails": emails}), 202, "Batch emails queued for sending.")
    assert data.keys() == {"total_emails", "total_cost", "balance_remaining", "email_ids", "batch_id"}
    assert (data["total_emails"], data["total_cost"], len(data["email_ids"])) == (3, 0.03, 3)
    assert data["balance_remaining"] == round(before - 0.03, 4)
    for id_ in data["email_ids"]:
        alone.reaches(f"/emails/{id_}/status", "sent")
    shown = succeeds(alone.get(f"/emails/batch/{data['batch_id']}", per_page=2), 200)
    assert shown.keys() == {"batch", "emails"}
    assert shown["batch"].keys() == BATCH
    assert (shown["batch"]["source"], shown["batch"]["total_recipients"]) == ("api", 3)
    assert shown["emails"]["pagination"] == {"total": 3, "per_page": 2, "current_page": 1, "last_page": 2}
    assert all(email.keys() == EMAIL for email in shown["emails"]["data"])


@pytest.mark.parametrize("emails", [[], None, [ONE] * 1001])
def test_a_batch_has_one_to_a_thousand_emails(acme: Caller, emails: object) -> None:
    answer = acme.post("/emails/send-batch", {"emails": emails})
    assert answer.status_code == 422
    assert list(answer.json()["errors"]) == ["emails"]


def test_emails_are_listed_newest_first_and_by_status(acme: Caller) -> None:
    ids = [acme.made("/emails/send", {**ONE, "to_email": f"list{n}@example.com"})["id"] for n in range(2)]
    for id_ in ids:
        acme.reaches(f"/emails/{id_}/status", "sent")
    items = is_page(succeeds(acme.get("/emails", status="sent", per_page=2), 200), "emails", EMAIL)
    assert [item["id"] for item in items] == ids[::-1]
    assert {item["status"] for item in items} == {"sent"}
    is_past_the_end(acme, "/emails", "emails")
    is_invalid(acme.get("/emails", status="lost"), {"status": "The selected status is invalid."})
