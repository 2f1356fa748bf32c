"""An SMS is looked at before it is sent, over HTTP."""

import pytest

FIELDS = {
    "encoding", "units", "segments", "cost", "sender_id", "forcing_characters", "forcing_total", "suggested_message",
    "suggested_segments", "suggested_cost",
}  # fmt: skip
LONG = "It\u2019s " + "a" * 96


def test_what_a_text_costs_and_how_it_would_cost_less(texting) -> None:
    answer = texting.post("/sms/preview", {"message": LONG, "recipient": "+37061234567"})
    assert answer.status_code == 200
    data = answer.get_json()["data"]
    assert set(data) == FIELDS
    assert (data["encoding"], data["units"], data["segments"], data["cost"]) == ("ucs2", 101, 2, 0.07)
    assert (data["sender_id"], data["suggested_segments"], data["suggested_cost"]) == ("EXOCLASS", 1, 0.035)
    assert data["suggested_message"] == LONG.replace("\u2019", "'")
    assert data["forcing_characters"] == [
        {"position": 2, "character": "\u2019", "name": "RIGHT SINGLE QUOTATION MARK", "replacement": "'"}
    ]


def test_it_costs_nothing_and_is_what_sending_would_charge(texting) -> None:
    body = {"message": LONG, "recipient": "+37061234567"}
    preview = texting.post("/sms/preview", body).get_json()["data"]
    sent = texting.post("/sms/send", body).get_json()["data"]
    assert (preview["cost"], preview["segments"]) == (sent["cost"], sent["segments"])
    assert sent["balance_remaining"] == 99.93


def test_without_a_recipient_and_a_sender_there_is_no_cost(acme) -> None:
    data = acme.post("/sms/preview", {"message": "Hi"}).get_json()["data"]
    assert (data["segments"], data["cost"], data["suggested_cost"], data["sender_id"]) == (1, None, None, None)


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({}, {"message"}),
        ({"message": "x" * 10_001}, {"message"}),
        ({"message": "Hi", "recipient": "12"}, {"recipient"}),
        ({"message": "Hi", "recipient": "+88213123456"}, {"recipient"}),
        ({"message": "Hi", "sender_id": "NOBODY", "recipient": "x"}, {"recipient", "sender_id"}),
    ],
)
def test_what_is_wrong_is_named(texting, body, fields) -> None:
    answer = texting.post("/sms/preview", body)
    assert (answer.status_code, set(answer.get_json()["errors"])) == (422, fields)


def test_another_organizations_sender_is_none(texting, globex) -> None:
    answer = globex.post("/sms/preview", {"message": "Hi", "sender_id": "EXOCLASS"})
    assert set(answer.get_json()["errors"]) == {"sender_id"}
