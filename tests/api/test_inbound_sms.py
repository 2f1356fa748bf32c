"""Inbound SMS over HTTP."""

import pytest

from models.store.sender_ids import add_verified_sender_id
from tasks.reports.replies import apply_replies
from tests.support.inbound import write_back

FIELDS = {"id", "sender", "recipient", "message", "keyword", "message_id", "received_at"}
OURS, ANN, BOB = "+37069900000", "+37061234567", "+37061234568"


@pytest.fixture
def answered(acme, engine):
    """Acme, to whose number two people wrote."""
    with engine.transaction(None) as session:
        add_verified_sender_id(session, acme.organization_id, OURS)
    write_back(engine, ANN, OURS, "When do you open?")
    write_back(engine, BOB, OURS, "Stop.", second=1)
    apply_replies(engine)
    return acme


def test_what_people_wrote_newest_first(answered) -> None:
    data = answered.get("/sms/inbound").get_json()["data"]
    assert [set(each) for each in data["data"]] == [FIELDS, FIELDS]
    assert [(each["sender"], each["message"], each["keyword"]) for each in data["data"]] == [
        (BOB, "Stop.", "stop"),
        (ANN, "When do you open?", None),
    ]
    assert data["data"][0]["received_at"] == "2026-01-15T10:30:01+00:00"
    assert data["pagination"] == {"total": 2, "per_page": 25, "current_page": 1, "last_page": 1}


def test_it_is_filtered(answered) -> None:
    for query in ("keyword=stop", "sender=%2B37061234568"):
        [one] = answered.get(f"/sms/inbound?{query}").get_json()["data"]["data"]
        assert one["sender"] == BOB
    assert answered.get("/sms/inbound?per_page=1&page=2").get_json()["data"]["data"][0]["sender"] == ANN
    assert set(answered.get("/sms/inbound?keyword=x").get_json()["errors"]) == {"keyword"}


def test_another_organization_does_not_see_it(answered, globex) -> None:
    assert globex.get("/sms/inbound").get_json()["data"]["data"] == []


def test_who_wrote_stop_gets_no_sms(answered, give_credits) -> None:
    give_credits(answered, "10")
    answer = answered.post("/sms/send-bulk", {"recipients": [ANN, BOB], "message": "Hi", "sender_id": OURS})
    assert answer.get_json()["data"]["suppressed_recipients"] == [BOB]
