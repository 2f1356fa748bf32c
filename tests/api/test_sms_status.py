"""The status of an SMS over HTTP."""

from datetime import UTC, datetime
from uuid import uuid4

import pytest
from sqlalchemy import text, update

from models.tables import Message

FIELDS = {
    "id", "status", "recipient", "cost", "segments", "sent_at", "delivered_at", "error_message", "error_code",
}  # fmt: skip


@pytest.fixture
def sent(texting) -> str:
    """The id of an SMS."""
    answer = texting.post("/sms/send", {"recipient": "+37061234567", "message": "Hello"})
    id_: str = answer.get_json()["data"]["message_id"]
    return id_


def _set(engine, **values: object) -> None:
    with engine.transaction(None) as session:
        session.execute(update(Message).values(**values))


def _read(client, id_: str) -> dict:
    answer = client.get(f"/sms/{id_}/status")
    assert answer.status_code == 200, answer.text
    assert answer.get_json().keys() == {"success", "data"}
    data: dict = answer.get_json()["data"]
    return data


def test_a_new_sms_is_pending(texting, sent) -> None:
    data = _read(texting, sent)
    assert data.keys() == FIELDS
    assert (data["id"], data["status"], data["recipient"], data["cost"], data["segments"]) == (
        sent,
        "pending",
        "+37061234567",
        0.035,
        1,
    )
    assert data["sent_at"] is data["delivered_at"] is data["error_message"] is data["error_code"] is None


def test_a_delivered_one_has_its_times(texting, engine, sent) -> None:
    times = {
        "sent_at": datetime(2026, 1, 3, 14, 30, tzinfo=UTC),
        "delivered_at": datetime(2026, 1, 3, 14, 30, 15, tzinfo=UTC),
    }
    _set(engine, state="delivered", **times)
    data = _read(texting, sent)
    assert (data["status"], data["sent_at"], data["delivered_at"]) == (
        "delivered",
        "2026-01-03T14:30:00+00:00",
        "2026-01-03T14:30:15+00:00",
    )


@pytest.mark.parametrize(
    ("state", "code", "shown"),
    [
        ("planned", None, ("pending", None, None)),
        ("deferred", "busy", ("pending", None, None)),
        ("uncertain", "lost", ("pending", "uncertain", "why")),
        ("accepted", None, ("sent", None, None)),
        ("clicked", None, ("delivered", None, None)),
        ("bounced", "undelivered", ("undelivered", "undelivered", "why")),
        ("bounced", "expired", ("expired", "expired", "why")),
        ("failed", "unknown_number", ("failed", "unknown_number", "why")),
        ("suppressed", None, ("failed", "suppressed", "why")),
        ("cancelled", "cancelled", ("failed", "cancelled", "why")),
    ],
)
def test_each_state_shows_one_of_the_six_words(texting, engine, sent, state, code, shown) -> None:
    _set(engine, state=state, error_code=code, error_message="why")
    data = _read(texting, sent)
    assert (data["status"], data["error_code"], data["error_message"]) == shown


def test_what_is_no_sms_of_the_organization_is_not_found(texting, globex, engine, sent) -> None:
    ids = [str(uuid4()), "ffffffff-ffff-ffff-ffff-ffffffffffff", "not-a-uuid", "5"]
    for client, id_ in [*[(texting, id_) for id_ in ids], (globex, sent)]:
        answer = client.get(f"/sms/{id_}/status")
        assert (answer.status_code, answer.get_json()) == (404, {"message": "Not found."})
    _set(engine, channel="email")
    assert texting.get(f"/sms/{sent}/status").status_code == 404


def test_row_level_security_hides_other_organizations_messages(texting, globex, app, sent) -> None:
    database = app.extensions["exosend"].database
    for client, visible in ((texting, 1), (globex, 0)):
        with database.transaction(client.organization_id) as session:
            for table in ("messages", "contents", "ledger_entries"):
                rows = session.execute(
                    text(f"SELECT count(*) FROM {table} WHERE organization_id = :id"), {"id": texting.organization_id}
                )
                assert (rows.scalar_one() > 0) == bool(visible), table
