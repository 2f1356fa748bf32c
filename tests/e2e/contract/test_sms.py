"""SMS: one message, many messages, and what became of them."""

import pytest

from tests.support.contract import Caller, is_invalid, succeeds

SENT = {"message_id", "status", "cost", "segments", "balance_remaining"}
BULK = {"total_messages", "total_cost", "balance_remaining", "message_ids", "invalid_recipients"}
STATUS = {"id", "status", "recipient", "cost", "segments", "sent_at", "delivered_at", "error_message", "error_code"}
ONE = {"recipient": "+37061234567", "message": "Hello from ExoSend! Your verification code is 123456."}


def test_one_message_is_queued_paid_for_and_delivered(alone: Caller) -> None:
    before = alone.get("/balance").json()["data"]["balance"]
    data = succeeds(alone.post("/sms/send", {**ONE, "sender_id": "EXOCLASS"}), 202, "SMS queued for sending")
    assert data.keys() == SENT
    assert (data["status"], data["cost"], data["segments"]) == ("pending", 0.035, 1)
    assert data["balance_remaining"] == round(before - 0.035, 4)
    status = alone.reaches(f"/sms/{data['message_id']}/status", "delivered")
    assert status.keys() == STATUS
    assert (status["recipient"], status["cost"], status["error_code"]) == ("+37061234567", 0.035, None)
    assert status["sent_at"] <= status["delivered_at"]


def test_a_long_message_costs_each_segment(acme: Caller) -> None:
    data = succeeds(acme.post("/sms/send", {**ONE, "message": "ž" * 71}), 202, "SMS queued for sending")
    assert (data["segments"], data["cost"]) == (2, 0.07)


@pytest.mark.parametrize(
    ("body", "errors"),
    [
        ({}, {"recipient": "The recipient field is required.", "message": "The message field is required."}),
        ({**ONE, "message": " "}, {"message": "The message field is required."}),
    ],
)
def test_a_message_that_cannot_be_is_refused(acme: Caller, body: dict[str, str], errors: dict[str, str]) -> None:
    is_invalid(acme.post("/sms/send", body), errors)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"recipient": "061234567"}, "recipient"),
        ({"recipient": "+370"}, "recipient"),
        ({"sender_id": "NOBODY"}, "sender_id"),
        ({"message": "x" * 1531}, "message"),
    ],
)
def test_each_rule_names_its_field(acme: Caller, change: dict[str, str], field: str) -> None:
    answer = acme.post("/sms/send", {**ONE, **change})
    assert answer.status_code == 422
    assert list(answer.json()["errors"]) == [field]


def test_without_the_credits_nothing_is_sent(poor: Caller) -> None:
    answer = poor.post("/sms/send", ONE)
    expected = {
        "success": False,
        "message": "Insufficient credits.",
        "data": {"required": 0.035, "available": 0.02},
    }
    assert (answer.status_code, answer.json()) == (402, expected)
    assert poor.get("/balance").json()["data"]["balance"] == 0.02


def test_many_messages_leave_out_what_is_no_number(alone: Caller) -> None:
    recipients = ["+37061234567", "12", "+370 612 34568", "+37061234567", "+37061234569"]
    body = {"recipients": recipients, "message": "Bulk notification: System maintenance scheduled for tonight."}
    before = alone.get("/balance").json()["data"]["balance"]
    data = succeeds(alone.post("/sms/send-bulk", body), 202, "Bulk SMS queued for sending")
    assert data.keys() >= BULK
    assert (data["total_messages"], data["total_cost"], data["invalid_recipients"]) == (3, 0.105, ["12"])
    assert data["balance_remaining"] == round(before - 0.105, 4)
    numbers = [alone.reaches(f"/sms/{id_}/status", "delivered")["recipient"] for id_ in data["message_ids"]]
    assert numbers == ["+37061234567", "+37061234568", "+37061234569"]


def test_many_messages_to_nobody_are_refused(acme: Caller) -> None:
    for recipients in ([], ["12", "x"]):
        answer = acme.post("/sms/send-bulk", {"recipients": recipients, "message": "Hi"})
        assert answer.status_code == 422
        assert list(answer.json()["errors"]) == ["recipients"]


def test_an_email_is_no_sms(acme: Caller) -> None:
    id_ = acme.made("/emails/send", {"to_email": "a@example.com", "subject": "S", "text_content": "T"})["id"]
    assert acme.get(f"/sms/{id_}/status").status_code == 404
