"""Batches of emails over HTTP."""

from uuid import UUID, uuid4

import pytest
from sqlalchemy import select, text

from models.tables import Chunk, Content, LedgerEntry, Message, Outbox, Run

BATCH = {
    "id", "subject", "from_email", "from_name", "source", "status", "total_recipients", "total_cost", "total_sent",
    "total_delivered", "total_opened", "total_bounced", "total_failed", "delivery_rate", "open_rate", "scheduled_at",
    "created_at",
}  # fmt: skip


def _emails(count: int) -> list[dict]:
    return [
        {"to_email": f"p{n}@example.org", "subject": "Hi", "text_content": f"You are {n % 2}"} for n in range(count)
    ]


def _accepted(client, emails: list[dict], **options) -> dict:
    answer = client.post("/emails/send-batch", {"emails": emails}, **options)
    assert answer.status_code == 202, answer.text
    return answer.get_json()["data"]


def _refused(client, emails: object) -> dict[str, list[str]]:
    answer = client.post("/emails/send-batch", {"emails": emails})
    assert answer.status_code == 422, answer.text
    return answer.get_json()["errors"]


def _rows(engine, *tables) -> list[int]:
    with engine.transaction(None) as session:
        return [len(session.execute(select(table)).all()) for table in tables]


def test_a_batch_is_accepted_and_charged_together(funded, engine) -> None:
    answer = funded.post("/emails/send-batch", {"emails": _emails(3)})
    assert answer.status_code == 202
    body = answer.get_json()
    assert body.keys() == {"success", "data", "message"}
    assert body["message"] == "Batch emails queued for sending."
    data = body["data"]
    assert data.keys() == {"batch_id", "total_emails", "total_cost", "balance_remaining", "email_ids"}
    assert (data["total_emails"], data["total_cost"], data["balance_remaining"]) == (3, 0.03, 99.97)
    assert [funded.get(f"/emails/{id_}/status").get_json()["data"]["to_email"] for id_ in data["email_ids"]] == [
        f"p{n}@example.org" for n in range(3)
    ]
    assert _rows(engine, Message, Content, Outbox) == [3, 2, 3]


def test_a_batch_is_shown_with_a_page_of_its_emails_in_their_order(funded) -> None:
    data = _accepted(funded, _emails(3))
    shown = funded.get(f"/emails/batch/{data['batch_id']}?per_page=2").get_json()["data"]
    assert shown.keys() == {"batch", "emails"}
    batch, emails = shown["batch"], shown["emails"]
    assert batch.keys() == BATCH
    assert (batch["status"], batch["source"], batch["subject"]) == ("pending", "api", "Hi")
    assert (batch["total_recipients"], batch["total_cost"], batch["total_sent"]) == (3, 0.03, 0)
    assert batch["delivery_rate"] == batch["open_rate"] == 0
    assert batch["scheduled_at"] is None
    assert emails["pagination"] == {"total": 3, "per_page": 2, "current_page": 1, "last_page": 2}
    assert [email["id"] for email in emails["data"]] == data["email_ids"][:2]
    assert {email["batch_id"] for email in emails["data"]} == {data["batch_id"]}
    past = funded.get(f"/emails/batch/{data['batch_id']}?page=9&per_page=2").get_json()["data"]["emails"]
    assert (past["data"], past["pagination"]["current_page"], past["pagination"]["total"]) == ([], 9, 3)


@pytest.mark.parametrize(
    ("change", "status", "rates"),
    [
        ("UPDATE chunks SET accepted = 1", "sending", (0, 0)),
        ("UPDATE chunks SET accepted = 2, failed = 1, state = 'done'", "completed", (50, 100)),
        ("UPDATE chunks SET failed = 3, state = 'done'", "failed", (0, 100)),
    ],
)
def test_the_status_of_a_batch_follows_its_emails(funded, engine, change, status, rates) -> None:
    batch_id = _accepted(funded, _emails(3))["batch_id"]
    with engine.transaction(None) as session:
        session.execute(text(change))
        if status != "sending":
            session.execute(text("UPDATE runs SET state = 'completed', total_delivered = 1, total_opened = 1"))
    batch = funded.get(f"/emails/batch/{batch_id}").get_json()["data"]["batch"]
    assert batch["status"] == status
    assert (batch["delivery_rate"], batch["open_rate"]) == rates


def test_what_is_wrong_anywhere_refuses_all_of_it(funded, engine) -> None:
    emails = _emails(4)
    emails[1]["to_email"] = "nobody"
    emails[3] = {"to": "x@example.org", "text_content": "t"}
    assert _refused(funded, emails) == {
        "emails.1.to_email": ["The emails.1.to_email field must be a valid email address."],
        "emails.3.subject": ["The emails.3.subject field is required."],
    }
    emails[1]["to_email"] = "somebody@example.org"
    assert _refused(funded, emails) == {"emails.3.subject": ["The emails.3.subject field is required."]}
    assert _rows(engine, Message, Content, Run) == [0, 0, 0]


@pytest.mark.parametrize(
    ("emails", "field", "message"),
    [
        (None, "emails", "The emails field is required."),
        ([], "emails", "The emails field is required."),
        ("x", "emails", "The emails field must be an array."),
        (["x"], "emails.0", "The emails.0 field must be an object."),
        (_emails(1001), "emails", "The emails field must not have more than 1,000 items."),
    ],
)
def test_a_batch_is_an_array_of_1_to_1000_emails(funded, emails, field, message) -> None:
    assert _refused(funded, emails) == {field: [message]}


def test_a_thousand_emails_go_to_a_flow_in_the_given_order(funded, engine) -> None:
    data = _accepted(funded, _emails(1000))
    assert (data["total_emails"], data["total_cost"], data["balance_remaining"]) == (1000, 10, 90)
    with engine.transaction(None) as session:
        states = session.execute(select(Chunk.state, Chunk.size)).all()
        sent = {row.id: row.recipient for row in session.execute(select(Message.id, Message.recipient))}
    assert states == [("ready", 1000)]
    assert [sent[UUID(id_)] for id_ in data["email_ids"]] == [f"p{n}@example.org" for n in range(1000)]
    assert _rows(engine, Outbox) == [0]


def test_a_suppressed_entry_fails_at_no_cost(funded, engine) -> None:
    funded.created("/suppressions", {"email": "p1@example.org"})
    data = _accepted(funded, _emails(3))
    assert (data["total_emails"], data["total_cost"], data["balance_remaining"]) == (3, 0.02, 99.98)
    email = funded.get(f"/emails/{data['email_ids'][1]}/status").get_json()["data"]
    assert (email["status"], email["error_code"], email["cost"]) == ("failed", "suppressed", 0)
    assert email["error_message"] == "The recipient is on the suppression list."
    batch = funded.get(f"/emails/batch/{data['batch_id']}").get_json()["data"]["batch"]
    assert (batch["total_recipients"], batch["total_failed"]) == (3, 1)
    assert _rows(engine, Outbox) == [2]


def test_a_batch_of_suppressed_entries_alone_has_failed_and_costs_nothing(funded, engine) -> None:
    funded.created("/suppressions", {"email": "p0@example.org"})
    data = _accepted(funded, _emails(1))
    assert (data["total_cost"], data["balance_remaining"]) == (0, 100)
    assert funded.get(f"/emails/batch/{data['batch_id']}").get_json()["data"]["batch"]["status"] == "failed"
    with engine.transaction(None) as session:
        assert session.execute(select(LedgerEntry.id).where(LedgerEntry.kind == "charge")).all() == []


def test_the_same_address_twice_is_two_emails(funded) -> None:
    data = _accepted(funded, [_emails(1)[0], _emails(1)[0]])
    assert data["total_emails"] == len(set(data["email_ids"])) == 2


def test_without_the_credits_nothing_is_left_behind(funded, engine) -> None:
    with engine.transaction(None) as session:
        session.execute(text("UPDATE organizations SET balance = 0.02"))
    answer = funded.post("/emails/send-batch", {"emails": _emails(3)})
    assert answer.status_code == 402
    assert answer.get_json() == {
        "success": False,
        "message": "Insufficient credits.",
        "data": {"required": 0.03, "available": 0.02},
    }
    assert _rows(engine, Message, Content, Run, Chunk, Outbox) == [0, 0, 0, 0, 0]


def test_other_runs_and_other_organizations_batches_are_not_found(funded, engine, globex) -> None:
    batch_id = _accepted(funded, _emails(1))["batch_id"]
    assert globex.get(f"/emails/batch/{batch_id}").status_code == 404
    for id_ in (uuid4(), "x"):
        assert funded.get(f"/emails/batch/{id_}").status_code == 404
    with engine.transaction(None) as session:
        run = Run(id=uuid4(), organization_id=funded.organization_id, kind="import", started_by="api")
        session.add(run)
    assert funded.get(f"/emails/batch/{run.id}").status_code == 404
