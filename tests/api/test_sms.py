"""Single SMS over HTTP."""

from decimal import Decimal
from uuid import UUID

import pytest
from sqlalchemy import select

from models.store import sender_ids
from models.tables import Content, LedgerEntry, Message, Outbox, SenderId, Suppression
from tests.support.money import balance_and_ledger

SMS = {"recipient": "+37061234567", "message": "Hello from ExoSend! Your verification code is 123456."}
FIELDS = {"message_id", "status", "cost", "segments", "balance_remaining"}
NOT_A_NUMBER = "The recipient field must be a valid phone number in international format, such as +37061234567."
NO_PRICE = "The recipient field must be a phone number of a country that messages can be sent to."
NOT_VERIFIED = "The selected sender_id is not a verified sender ID of the organization."
NO_DEFAULT = "The sender_id field is required: the organization has no default sender ID."


def _send(client, **changes):
    body = {name: value for name, value in {**SMS, **changes}.items() if value is not ...}
    return client.post("/sms/send", body)


def _errors(answer) -> dict[str, list[str]]:
    assert answer.status_code == 422, answer.text
    errors: dict[str, list[str]] = answer.get_json()["errors"]
    return errors


def test_an_sms_is_charged_stored_and_on_its_way(texting, engine) -> None:
    answer = _send(texting, sender_id="EXOCLASS")
    body = answer.get_json()
    assert (answer.status_code, body["success"], body["message"]) == (202, True, "SMS queued for sending")
    assert body.keys() == {"success", "data", "message"}
    data = body["data"]
    assert data.keys() == FIELDS
    assert (data["status"], data["segments"]) == ("pending", 1)
    assert '"cost":0.035,' in answer.text
    assert '"balance_remaining":99.965' in answer.text
    assert texting.get("/balance").get_json()["data"]["balance"] == 99.965
    with engine.transaction(None) as session:
        row = session.execute(select(Message).where(Message.id == UUID(data["message_id"]))).scalar_one()
        assert (row.run_id, row.channel, row.recipient, row.cost) == (None, "sms", "+37061234567", Decimal("0.0350"))
        content = session.execute(select(Content).where(Content.id == row.content_id)).scalar_one()
        shown = (content.channel, content.text, content.sender_id, content.template_id)
        assert shown == ("sms", SMS["message"], "EXOCLASS", None)
        assert session.execute(select(Outbox.run_id).where(Outbox.message_id == row.id)).one() == (None,)
        assert session.execute(select(LedgerEntry.amount).where(LedgerEntry.message_id == row.id)).one()
        assert session.execute(select(SenderId.message_count)).scalar_one() == 1


def test_a_number_is_stored_as_e164_and_the_default_sender_is_taken(texting, engine) -> None:
    data = _send(texting, recipient=" +370 (612) 34-567 ").get_json()["data"]
    assert texting.get(f"/sms/{data['message_id']}/status").get_json()["data"]["recipient"] == "+37061234567"
    with engine.transaction(None) as session:
        assert session.execute(select(Content.sender_id)).scalar_one() == "EXOCLASS"


def test_braces_in_a_text_are_no_merge_tags(texting, engine) -> None:
    assert _send(texting, message="{{ first_name }} {% if").status_code == 202
    with engine.transaction(None) as session:
        assert session.execute(select(Content.text)).scalar_one() == "{{ first_name }} {% if"


@pytest.mark.parametrize(
    ("message", "segments", "cost"),
    [("a" * 160, 1, 0.035), ("a" * 161, 2, 0.07), ("ą" * 70, 1, 0.035), ("€" * 81, 2, 0.07), ("a" * 1530, 10, 0.35)],
)
def test_each_segment_costs(texting, message, segments, cost) -> None:
    data = _send(texting, message=message).get_json()["data"]
    assert (data["segments"], data["cost"], data["balance_remaining"]) == (
        segments,
        cost,
        float(100 - Decimal(str(cost))),
    )


@pytest.mark.parametrize(
    ("changes", "field", "message"),
    [
        ({"recipient": ...}, "recipient", "The recipient field is required."),
        ({"recipient": " "}, "recipient", "The recipient field is required."),
        ({"recipient": 37061234567}, "recipient", "The recipient field must be a string."),
        ({"recipient": "37061234567"}, "recipient", NOT_A_NUMBER),
        ({"recipient": "+3706"}, "recipient", NOT_A_NUMBER),
        ({"recipient": "+37061234567 ext. 5"}, "recipient", NOT_A_NUMBER),
        ({"recipient": "+80012345678"}, "recipient", NO_PRICE),
        ({"message": None}, "message", "The message field is required."),
        ({"message": ["x"]}, "message", "The message field must be a string."),
        (
            {"message": "a" * 1531},
            "message",
            "The message field must not be longer than 10 SMS segments; it has 11.",
        ),
        ({"message": "a" * 10_001}, "message", "The message field must not be greater than 10,000 characters."),
        ({"sender_id": "Nobody"}, "sender_id", NOT_VERIFIED),
        ({"sender_id": 5}, "sender_id", "The sender_id field must be a string."),
    ],
)
def test_what_is_wrong_is_refused_by_field(texting, changes, field, message) -> None:
    assert _errors(_send(texting, **changes)) == {field: [message]}


def test_every_wrong_field_is_named_at_once(texting) -> None:
    answer = texting.post("/sms/send", {"recipient": "no number", "sender_id": "Nobody"})
    assert _errors(answer) == {
        "message": ["The message field is required."],
        "sender_id": [NOT_VERIFIED],
        "recipient": [NOT_A_NUMBER],
    }
    assert answer.get_json()["message"] == "The message field is required. (and 2 more errors)"


def test_without_a_default_the_sender_is_required(acme, globex, engine) -> None:
    assert _errors(_send(acme)) == {"sender_id": [NO_DEFAULT]}
    with engine.transaction(None) as session:
        sender_ids.request_sender_id(session, acme.organization_id, "Waiting")
        sender_ids.add_verified_sender_id(session, globex.organization_id, "Rival")
    assert _errors(_send(acme, sender_id="Waiting")) == {"sender_id": [NOT_VERIFIED]}
    assert _errors(_send(acme, sender_id="Rival")) == {"sender_id": [NOT_VERIFIED]}


def test_a_suppressed_number_is_refused_and_nothing_is_charged(texting, globex, engine) -> None:
    with engine.transaction(None) as session:
        for client in (texting, globex):
            number = "+37061234567" if client is texting else "+37061234568"
            session.add(
                Suppression(
                    organization_id=client.organization_id,
                    id=client.organization_id,
                    channel="sms",
                    recipient=number,
                    reason="unsubscribed",
                )
            )
    assert _errors(_send(texting)) == {"recipient": ["The recipient is suppressed: no messages may be sent to it."]}
    assert balance_and_ledger(engine, texting.organization_id) == (100, 100)
    assert _send(texting, recipient="+37061234568").status_code == 202  # it opted out of another organization


def test_short_of_credits_nothing_is_left_behind(sending, engine, give_credits) -> None:
    give_credits(sending, "0.0349")
    answer = _send(sending)
    assert (answer.status_code, answer.get_json()) == (
        402,
        {"success": False, "message": "Insufficient credits.", "data": {"required": 0.035, "available": 0.0349}},
    )
    assert balance_and_ledger(engine, sending.organization_id) == (Decimal("0.0349"), Decimal("0.0349"))
    with engine.transaction(None) as session:
        for table in (Message, Outbox, Content):
            assert session.execute(select(table)).all() == []
        assert session.execute(select(SenderId.message_count)).scalar_one() == 0


def test_wrong_fields_come_before_missing_credits(sending) -> None:
    assert _errors(_send(sending, recipient="abc")) == {"recipient": [NOT_A_NUMBER]}


def test_the_same_request_under_a_key_is_sent_once(texting, engine) -> None:
    answers = [texting.post("/sms/send", SMS, headers={"Idempotency-Key": "k"}) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [202, 202]
    assert answers[0].data == answers[1].data
    assert answers[1].headers["Idempotent-Replayed"] == "true"
    assert balance_and_ledger(engine, texting.organization_id) == (Decimal("99.965"), Decimal("99.965"))


def test_a_token_is_needed(texting, app) -> None:
    for method, path in (("POST", "send"), ("POST", "send-bulk"), ("GET", f"{texting.organization_id}/status")):
        answer = app.test_client().open(f"/api/v1/sms/{path}", method=method, json=SMS)
        assert (answer.status_code, answer.get_json()) == (401, {"message": "Unauthenticated."})
