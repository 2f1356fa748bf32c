"""`Idempotency-Key`: the same POST twice does its work once."""

from typing import Any

import pytest
from sqlalchemy import text

from api import campaign_actions
from models.store.organizations import add_verified_domain, top_up

KEY = {"Idempotency-Key": "3f0c6a1e"}
CONTACT = {"email": "a@example.com", "custom_fields": {"plan": "pro", "score": 1.5}}


def _replayed(answer) -> bool:
    return answer.headers.get("Idempotent-Replayed") == "true"


def _contacts(client) -> int:
    return int(client.get("/contacts").get_json()["data"]["pagination"]["total"])


def test_the_same_request_gets_the_same_answer_and_does_nothing_again(acme) -> None:
    first = acme.post("/contacts", CONTACT, headers=KEY)
    again = acme.post("/contacts", CONTACT, headers=KEY)
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.data == first.data
    assert again.content_type == first.content_type
    assert (_replayed(first), _replayed(again)) == (False, True)
    assert _contacts(acme) == 1


def test_without_a_key_every_request_is_a_new_one(acme) -> None:
    bodies = [acme.post("/contact-lists", {"name": f"L{n}"}) for n in range(2)]
    assert [answer.status_code for answer in bodies] == [201, 201]
    assert acme.post("/contacts", CONTACT).status_code == 201
    assert acme.post("/contacts", CONTACT).status_code == 422


def test_how_a_body_is_written_does_not_matter(acme) -> None:
    acme.post("/contacts", data=b'{"email": "a@example.com", "first_name": "Ann"}', headers=KEY)
    again = acme.post("/contacts", data=b' {"first_name":"Ann",\n"email":"a@example.com"}', headers=KEY)
    assert _replayed(again)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/contacts", {**CONTACT, "email": "b@example.com"}),
        ("/contacts", {**CONTACT, "first_name": "Ann"}),
        ("/contacts", {"email": "a@example.com", "custom_fields": {"plan": "pro", "score": "1.5"}}),
        ("/suppressions", CONTACT),
    ],
)
def test_another_request_under_the_same_key_is_refused(acme, path, body) -> None:
    acme.post("/contacts", CONTACT, headers=KEY)
    answer = acme.post(path, body, headers=KEY)
    message = "The Idempotency-Key header was used for another request."
    assert (answer.status_code, _replayed(answer)) == (422, False)
    assert answer.get_json() == {"message": message, "errors": {"Idempotency-Key": [message]}}


@pytest.mark.parametrize("key", ["", "x" * 256, "ключ".encode().decode("latin-1"), "a\tb"])
def test_a_key_that_cannot_be_one_is_refused(acme, key) -> None:
    answer = acme.post("/contacts", CONTACT, headers={"Idempotency-Key": key})
    message = "The Idempotency-Key header must have 1 to 255 printable ASCII characters."
    assert answer.status_code == 422
    assert answer.get_json() == {"message": message, "errors": {"Idempotency-Key": [message]}}
    assert _contacts(acme) == 0


def test_the_longest_key_is_one(acme) -> None:
    key = {"Idempotency-Key": "x" * 255}
    assert acme.post("/contacts", CONTACT, headers=key).status_code == 201
    assert _replayed(acme.post("/contacts", CONTACT, headers=key))


def test_an_error_is_not_kept(acme) -> None:
    body = {"email": "a@example.com"}
    assert acme.post("/contact-lists", {"name": ""}, headers=KEY).status_code == 422
    first = acme.post("/contacts", body, headers=KEY)  # the key is as free as before
    assert (first.status_code, _replayed(first)) == (201, False)


def test_what_failed_for_a_reason_that_is_gone_succeeds_under_its_key(acme) -> None:
    contact_id = acme.created("/contacts", CONTACT)["id"]
    assert acme.post("/contacts", CONTACT, headers=KEY).status_code == 422
    acme.delete(f"/contacts/{contact_id}")
    assert acme.post("/contacts", CONTACT, headers=KEY).status_code == 201


def test_a_key_belongs_to_an_organization(acme, globex) -> None:
    acme.post("/contacts", CONTACT, headers=KEY)
    answer = globex.post("/contacts", {"email": "b@example.com"}, headers=KEY)
    assert (answer.status_code, _replayed(answer)) == (201, False)


def test_a_key_on_what_is_no_post_means_nothing(acme) -> None:
    path = f"/contacts/{acme.created('/contacts', CONTACT)['id']}"
    for name in ("Ann", "Bob"):
        answer = acme.call("PUT", path, {"first_name": name}, headers=KEY)
        assert (answer.status_code, answer.get_json()["data"]["first_name"]) == (200, name)
    assert acme.get("/balance", headers={"Idempotency-Key": "x" * 1000}).status_code == 200


def test_a_replay_is_a_request_like_any_other_for_the_limit(new_client) -> None:
    client = new_client("Hurried", rate_limit=2)
    left = [client.post("/contacts", CONTACT, headers=KEY).headers["X-RateLimit-Remaining"] for _ in range(2)]
    assert left == ["1", "0"]
    assert client.post("/contacts", CONTACT, headers=KEY).status_code == 429


def test_an_answer_is_kept_for_a_day(acme, engine) -> None:
    acme.post("/contact-lists", {"name": "L"}, headers=KEY)

    def grow_older(interval: str) -> None:
        with engine.transaction(None) as session:
            session.execute(text(f"UPDATE idempotency_keys SET made_at = made_at - interval '{interval}'"))

    grow_older("23 hours 59 minutes")
    assert _replayed(acme.post("/contact-lists", {"name": "L"}, headers=KEY))
    grow_older("1 minute")
    assert acme.post("/contact-lists", {"name": "L"}, headers=KEY).status_code == 422  # done anew: the name is taken
    assert acme.post("/contact-lists", {"name": "M"}, headers=KEY).status_code == 201
    assert _replayed(acme.post("/contact-lists", {"name": "M"}, headers=KEY))


@pytest.fixture
def draft(acme, engine) -> str:
    """The path of a campaign that can be sent."""
    with engine.transaction(None) as session:
        add_verified_domain(session, acme.organization_id, "example.com")
        top_up(session, acme.organization_id, 100, reference="t")  # type: ignore[arg-type]
    acme.created("/contacts", CONTACT)
    body = {"name": "C", "subject": "S", "html_content": "<p>x</p>"}
    return f"/campaigns/{acme.created('/campaigns', body)['id']}"


@pytest.fixture
def started(monkeypatch) -> list[str]:
    """What was asked of Prefect."""
    keys: list[str] = []

    def start_flow(*_args: Any, idempotency_key: str, **_options: Any) -> None:
        keys.append(idempotency_key)

    monkeypatch.setattr(campaign_actions, "start_flow", start_flow)
    return keys


def test_a_replay_starts_no_second_flow_and_holds_no_second_amount(acme, engine, draft, started) -> None:
    answers = [acme.post(f"{draft}/send", headers=KEY) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 200]
    assert len({answer.data for answer in answers}) == 1
    assert len(started) == 1
    with engine.transaction(None) as session:
        holds = session.execute(text("SELECT count(*) FROM ledger_entries WHERE kind = 'hold'")).scalar_one()
    assert holds == 1


def test_after_a_crash_between_commit_and_reply_the_second_try_gets_the_answer(
    acme, engine, draft, monkeypatch
) -> None:
    def crash(*_args: Any, **_options: Any) -> None:
        raise SystemExit

    monkeypatch.setattr(campaign_actions, "start_flow", crash)
    with pytest.raises(SystemExit):
        acme.post(f"{draft}/send", headers=KEY)
    answer = acme.post(f"{draft}/send", headers=KEY)
    assert (answer.status_code, _replayed(answer)) == (200, True)
    assert answer.get_json()["message"] == "Campaign sending started."


def test_a_crash_before_the_commit_leaves_neither_work_nor_answer(acme, monkeypatch) -> None:
    def crash(*_args: Any, **_options: Any) -> None:
        raise SystemExit

    with monkeypatch.context() as patch:
        patch.setattr("models.store.idempotency_keys.keep_answer", crash)
        with pytest.raises(SystemExit):
            acme.post("/contacts", CONTACT, headers=KEY)
    assert _contacts(acme) == 0
    answer = acme.post("/contacts", CONTACT, headers=KEY)
    assert (answer.status_code, _replayed(answer)) == (201, False)
