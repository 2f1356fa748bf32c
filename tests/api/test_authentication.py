"""Who may call: bearer tokens, and nothing else."""

from uuid import UUID, uuid4

import pytest
from sqlalchemy import text

from models.session import Database
from models.store.tokens import revoke_token

UNAUTHENTICATED = {"message": "Unauthenticated."}


def test_a_call_without_a_token_is_unauthenticated(acme) -> None:
    answer = acme.app.test_client().get("/api/v1/balance")
    assert (answer.status_code, answer.get_json()) == (401, UNAUTHENTICATED)


@pytest.mark.parametrize(
    "header",
    ["", "Bearer", "Bearer x", "Basic YTpi", "Bearer {id}", "Bearer {id}|", "Bearer {id}|wrong", "Bearer |{secret}"],
)
def test_what_is_not_a_whole_token_is_unauthenticated(acme, header) -> None:
    token_id, secret = acme.token.split("|")
    headers = {"Authorization": header.format(id=token_id, secret=secret)}
    answer = acme.app.test_client().get("/api/v1/balance", headers=headers)
    assert (answer.status_code, answer.get_json()) == (401, UNAUTHENTICATED)


def test_the_secret_of_one_token_does_not_open_another(acme, globex) -> None:
    mixed = f"{acme.token.split('|')[0]}|{globex.token.split('|')[1]}"
    answer = acme.app.test_client().get("/api/v1/balance", headers={"Authorization": f"Bearer {mixed}"})
    assert answer.status_code == 401


def test_the_scheme_is_read_whatever_its_case(acme) -> None:
    answer = acme.app.test_client().get("/api/v1/balance", headers={"Authorization": f"bearer {acme.token}"})
    assert answer.status_code == 200


def test_a_revoked_token_is_refused_at_once(acme, engine: Database) -> None:
    assert acme.get("/balance").status_code == 200
    with engine.transaction(None) as session:
        revoke_token(session, acme.organization_id, UUID(acme.token.split("|")[0]))
    assert acme.get("/balance").status_code == 401


def test_a_refused_caller_leaves_no_transaction_behind(acme, globex) -> None:
    assert acme.get("/balance").status_code == 200
    for _ in range(3):
        wrong = {"Authorization": f"Bearer {acme.token}x"}
        assert acme.app.test_client().get("/api/v1/balance", headers=wrong).status_code == 401
        assert globex.get("/balance").get_json()["data"]["organization"] == "Globex"
        assert acme.get("/contacts/not-a-uuid").status_code == 404
        assert acme.get("/balance").get_json()["data"]["organization"] == "Acme"


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE api_tokens SET expires_at = now() - interval '1 second'",
        "UPDATE organizations SET is_active = false",
    ],
)
def test_an_expired_token_or_an_inactive_organization_is_refused(acme, engine: Database, change) -> None:
    with engine.transaction(None) as session:
        session.execute(text(change))
    assert acme.get("/balance").status_code == 401


def test_the_last_use_of_a_token_is_written_down(acme, engine: Database) -> None:
    acme.get("/balance")
    with engine.transaction(None) as session:
        assert session.execute(text("SELECT last_used_at FROM api_tokens")).scalar_one() is not None


def test_401_comes_before_404_and_422(acme) -> None:
    client = acme.app.test_client()
    for method, path in (("GET", "/contacts/not-a-uuid"), ("GET", f"/contacts/{uuid4()}"), ("POST", "/contacts")):
        assert client.open(f"/api/v1{path}", method=method).status_code == 401


def test_404_comes_before_422(acme) -> None:
    assert acme.put(f"/contacts/{uuid4()}", {"email": "not an address"}).status_code == 404
    assert acme.put("/contacts/not-a-uuid", {"email": "not an address"}).status_code == 404
