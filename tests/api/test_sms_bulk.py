"""Bulk SMS over HTTP."""

from decimal import Decimal
from uuid import UUID

import pytest
from sqlalchemy import func, select

from models.tables import Chunk, Content, LedgerEntry, Message, Outbox, Run, SenderId, Suppression
from tests.support.money import balance_and_ledger

NUMBERS = ["+37061234567", "+37061234568", "+37061234569"]
TEXT = "Bulk notification: System maintenance scheduled for tonight."
FIELDS = {
    "total_messages", "total_cost", "balance_remaining", "message_ids", "invalid_recipients", "suppressed_recipients",
}  # fmt: skip
NONE_VALID = "The recipients field must have a valid phone number of a country that messages can be sent to."


def _send(client, recipients, **options):
    return client.post("/sms/send-bulk", {"recipients": recipients, "message": TEXT}, **options)


def _errors(answer) -> dict[str, list[str]]:
    assert answer.status_code == 422, answer.text
    errors: dict[str, list[str]] = answer.get_json()["errors"]
    return errors


def _opt_out(client, engine, *numbers: str) -> None:
    with engine.transaction(None) as session:
        for number in numbers:
            row = {"organization_id": client.organization_id, "id": UUID(int=int(number)), "reason": "unsubscribed"}
            session.add(Suppression(channel="sms", recipient=number, **row))


def test_each_number_gets_the_message_and_is_charged(texting, engine) -> None:
    answer = _send(texting, NUMBERS)
    body = answer.get_json()
    assert (answer.status_code, body["success"], body["message"]) == (202, True, "Bulk SMS queued for sending")
    data = body["data"]
    assert data.keys() == FIELDS
    assert (data["total_messages"], data["invalid_recipients"], data["suppressed_recipients"]) == (3, [], [])
    assert '"total_cost":0.105,' in answer.text
    assert '"balance_remaining":99.895,' in answer.text
    shown = [texting.get(f"/sms/{id_}/status").get_json()["data"]["recipient"] for id_ in data["message_ids"]]
    assert shown == NUMBERS
    with engine.transaction(None) as session:
        run = session.execute(select(Run)).scalar_one()
        assert (run.kind, run.state, run.total_recipients, run.charged) == ("bulk", "sending", 3, Decimal("0.105"))
        assert session.execute(select(func.count()).select_from(Outbox)).scalar_one() == 3
        assert (
            session.execute(select(LedgerEntry.amount).where(LedgerEntry.run_id == run.id)).scalar_one() == -run.charged
        )
        assert session.execute(select(SenderId.message_count)).scalar_one() == 3


def test_who_gets_nothing_comes_back_and_the_others_get_it_once_in_order(texting, engine) -> None:
    _opt_out(texting, engine, NUMBERS[1])
    given = [
        "12345",
        NUMBERS[2],
        "+370 612 34568",
        NUMBERS[0],
        "",
        "+370 612 34569",
        " abc ",
        NUMBERS[1],
        "+80012345678",
    ]
    data = _send(texting, given).get_json()["data"]
    assert data["invalid_recipients"] == ["12345", "", "abc", "+80012345678"]
    assert data["suppressed_recipients"] == [NUMBERS[1]]
    assert (data["total_messages"], data["total_cost"], data["balance_remaining"]) == (2, 0.07, 99.93)
    with engine.transaction(None) as session:
        rows = session.execute(select(Message.id, Message.recipient).order_by(Message.id)).all()
    assert [(str(row.id), row.recipient) for row in rows] == list(
        zip(data["message_ids"], [NUMBERS[2], NUMBERS[0]], strict=True)
    )


def test_each_number_is_charged_its_countrys_price(texting) -> None:
    singles = [
        texting.post("/sms/send", {"recipient": number, "message": TEXT}).get_json()["data"]["cost"]
        for number in ("+37061234567", "+4915112345678")
    ]
    data = _send(texting, ["+37061234567", "+4915112345678"]).get_json()["data"]
    assert singles[0] != singles[1]
    assert Decimal(str(data["total_cost"])) == sum(Decimal(str(cost)) for cost in singles)


@pytest.mark.parametrize(
    ("recipients", "errors"),
    [
        (None, {"recipients": ["The recipients field is required."]}),
        ([], {"recipients": ["The recipients field is required."]}),
        ("+37061234567", {"recipients": ["The recipients field must be an array."]}),
        (["+37061234567"] * 10_001, {"recipients": ["The recipients field must not have more than 10,000 items."]}),
        (["+37061234567", 5], {"recipients.1": ["The recipients.1 field must be a string."]}),
        (["abc", "", "+80012345678"], {"recipients": [NONE_VALID]}),
    ],
)
def test_what_is_wrong_with_the_recipients_is_refused(texting, engine, recipients, errors) -> None:
    assert _errors(_send(texting, recipients)) == errors
    assert balance_and_ledger(engine, texting.organization_id) == (100, 100)


def test_every_wrong_field_is_named_at_once(acme) -> None:
    errors = _errors(acme.post("/sms/send-bulk", {"recipients": ["abc"], "message": "ą" * 671}))
    assert errors == {
        "message": ["The message field must not be longer than 10 SMS segments; it has 11."],
        "sender_id": ["The sender_id field is required: the organization has no default sender ID."],
        "recipients": [NONE_VALID],
    }


def test_when_all_have_opted_out_nothing_is_sent(texting, engine) -> None:
    _opt_out(texting, engine, *NUMBERS)
    message = "The recipients are all suppressed: no messages may be sent to them."
    assert _errors(_send(texting, [*NUMBERS, "abc"])) == {"recipients": [message]}
    assert balance_and_ledger(engine, texting.organization_id) == (100, 100)


def test_short_of_credits_nobody_gets_it_and_nothing_is_left_behind(texting, engine) -> None:
    numbers = [f"+3706123{number:04d}" for number in range(2858)]  # 100.03 credits
    answer = _send(texting, numbers)
    assert (answer.status_code, answer.get_json()["data"]) == (402, {"required": 100.03, "available": 100})
    assert balance_and_ledger(engine, texting.organization_id) == (100, 100)
    with engine.transaction(None) as session:
        for table in (Run, Chunk, Message, Outbox, Content):
            assert session.execute(select(table)).all() == []


def test_ten_thousand_numbers_under_a_key_are_sent_once(texting, engine, give_credits) -> None:
    give_credits(texting, "300")
    numbers = [f"+3706{number:07d}" for number in range(1_000_000, 1_010_000)]
    first = _send(texting, numbers, headers={"Idempotency-Key": "k"})
    assert first.status_code == 202
    data = first.get_json()["data"]
    assert (data["total_messages"], data["total_cost"], data["balance_remaining"]) == (10_000, 350, 50)
    assert len(set(data["message_ids"])) == 10_000
    again = _send(texting, numbers, headers={"Idempotency-Key": "k"})
    assert (again.data, again.headers["Idempotent-Replayed"]) == (first.data, "true")
    assert balance_and_ledger(engine, texting.organization_id) == (50, 50)
    with engine.transaction(None) as session:
        assert session.execute(select(func.count()).select_from(Message)).scalar_one() == 10_000
        assert session.execute(select(Chunk.state, Chunk.size).order_by(Chunk.no)).all() == [("ready", 5000)] * 2
        assert session.execute(select(Outbox)).all() == []
