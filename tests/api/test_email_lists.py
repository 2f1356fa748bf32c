"""Lists of emails, and what their statuses show."""

from typing import Any

import pytest
from sqlalchemy import text

from models.rules.email_status import EMAIL_STATUSES, states_of
from models.rules.lifecycle import MessageState

EMAIL = {"subject": "Hello", "text_content": "Hi"}


@pytest.fixture
def sent(funded) -> list[str]:
    """Ids of three emails, the oldest first."""
    return [
        funded.post("/emails/send", {**EMAIL, "to_email": f"p{n}@example.org"}).get_json()["data"]["id"]
        for n in range(3)
    ]


def _listed(client, query: str = "") -> tuple[list[str], dict[str, int]]:
    answer = client.get(f"/emails{query}")
    assert answer.status_code == 200, answer.text
    body = answer.get_json()
    assert body.keys() == {"success", "data"}
    assert body["data"].keys() == {"emails", "pagination"}
    return [email["id"] for email in body["data"]["emails"]], body["data"]["pagination"]


def _change(engine, id_: str, **values: Any) -> None:
    columns = ", ".join(f"{name} = :{name}" for name in values)
    with engine.transaction(None) as session:
        session.execute(text(f"UPDATE messages SET {columns} WHERE id = :id"), {"id": id_, **values})


def test_emails_are_listed_newest_first_by_pages(funded, sent) -> None:
    newest = sent[::-1]
    assert _listed(funded) == (newest, {"total": 3, "per_page": 25, "current_page": 1, "last_page": 1})
    assert _listed(funded, "?per_page=2&page=2") == (
        newest[2:],
        {"total": 3, "per_page": 2, "current_page": 2, "last_page": 2},
    )
    assert _listed(funded, "?per_page=2&page=3")[0] == []
    for query in ("per_page=101", "page=0", "page=5000&per_page=100", "status=unknown"):
        assert funded.get(f"/emails?{query}").status_code == 422


def test_a_list_is_filtered_by_the_status_that_is_shown(funded, engine, sent) -> None:
    _change(engine, sent[0], state="delivered")
    _change(engine, sent[1], state="deferred")
    assert _listed(funded, "?status=delivered&per_page=10")[0] == [sent[0]]
    assert _listed(funded, "?status=pending")[0] == [sent[2], sent[1]]
    assert _listed(funded, "?status=failed") == ([], {"total": 0, "per_page": 25, "current_page": 1, "last_page": 1})


def test_a_list_says_how_far_it_is_counted(funded, sent, monkeypatch) -> None:
    monkeypatch.setattr("models.store.emails.COUNT_MAX", 2)
    assert _listed(funded)[1]["total"] == 2


@pytest.mark.parametrize("state", list(MessageState))
def test_each_state_has_a_status(funded, engine, sent, state) -> None:
    _change(engine, sent[0], state=state.value, error_code="550", error_message="No such user")
    email = funded.get(f"/emails/{sent[0]}/status").get_json()["data"]
    assert email["status"] in EMAIL_STATUSES
    assert state.value in states_of(email["status"])
    codes = {"failed": "550", "bounced": "550", "complained": "550", "uncertain": "uncertain"}
    codes |= {"suppressed": "suppressed", "cancelled": "cancelled"}
    assert email["error_code"] == codes.get(state.value)
    assert (email["error_message"] is None) == (email["error_code"] is None)


def test_times_are_those_of_the_first_reports(funded, engine, sent) -> None:
    times = {f"{name}_at": f"2026-01-15T10:30:0{no}+00:00" for no, name in enumerate(("sent", "delivered", "opened"))}
    _change(engine, sent[0], state="opened", **times)
    email = funded.get(f"/emails/{sent[0]}/status").get_json()["data"]
    assert {name: email[name] for name in times} == times
    assert email["clicked_at"] is email["bounced_at"] is None


def test_an_sms_is_no_email(funded, engine, sent) -> None:
    _change(engine, sent[0], channel="sms")
    assert funded.get(f"/emails/{sent[0]}/status").status_code == 404
    assert sent[0] not in _listed(funded)[0]
