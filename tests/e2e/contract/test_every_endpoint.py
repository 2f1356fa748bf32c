"""What is the same for all endpoints, extensions included: who may not call them, and what is not there."""

import json
import re
from pathlib import Path

import httpx2
import pytest

from tests.support.contract import ENDPOINTS, NOWHERE, Caller
from tests.support.webhooks import ENDPOINT

_OPENAPI = json.loads((Path(__file__).parents[3] / "docs" / "openapi.json").read_text(encoding="utf-8"))
# Method and path below /api/v1, as the API describes itself.
ROUTES = [
    (method.upper(), path.removeprefix("/api/v1"))
    for path, operations in _OPENAPI["paths"].items()
    for method in operations
    if method in ("get", "post", "put", "patch", "delete") and path.startswith("/api/v1")
]
WITH_ID = [(method, path) for method, path in ROUTES if "_id}" in path]


def _path(path: str, id_: str) -> str:
    """The path with an id in place of the first that it names."""
    path = re.sub(r"\{\w+_id\}", id_, path.replace("{contact_id}", NOWHERE if "lists" in path else id_), count=1)
    return path.replace("{email}", "nobody@example.com")


def test_every_documented_endpoint_is_there() -> None:
    general = {(method, re.sub(r"\{\w+\}", "{}", path)) for method, path in ROUTES}
    documented = {
        (each["method"], re.sub(r"\{\w+\}", "{}", each["path"].removeprefix("/api/v1"))) for each in ENDPOINTS
    }
    assert len(documented) == 62
    assert documented - general == set()


@pytest.fixture(scope="module")
def things(acme: Caller) -> dict[str, str]:
    """Ids of Acme's, by the beginning of the path that names them."""
    email = {"to_email": "ann@example.com", "subject": "Hi", "text_content": "Hi"}
    batch = acme.made("/emails/send-batch", {"emails": [email]})
    single = acme.made("/emails/send", email)["id"]
    campaign = acme.made("/campaigns", {"name": "C"})["id"]
    file = {"file": ("people.csv", b"email\nimported@example.com\n", "text/csv")}
    source = {"name": "T", "subject_template": "S", "html_content": "<p>x</p>"}
    return {
        "/sms/campaigns/": acme.made("/sms/campaigns", {"name": "C", "message_content": "Hi"})["id"],
        "/sms/": acme.made("/sms/send", {"recipient": "+37061234567", "message": "Hi"})["message_id"],
        "/emails/batch/": batch["batch_id"],
        "/emails/": single,
        "/email-domains/": acme.get("/email-domains").json()["data"][0]["id"],
        "/email-templates/": acme.made("/email-templates", source)["id"],
        "/campaigns/": campaign,
        "/contacts/imports/": acme.post("/contacts/import", files=file).json()["data"]["import_id"],
        "/contacts/": acme.contact()["id"],
        "/contact-lists/": acme.contact_list(),
        "/analytics/campaigns/": campaign,
        "/analytics/emails/": single,
        "/webhook-endpoints/": acme.made("/webhook-endpoints", ENDPOINT)["id"],
        "/sender-ids/": acme.get("/sender-ids").json()["data"][0]["id"],
    }


def _id_of(things: dict[str, str], path: str) -> str:
    return things[max((start for start in things if path.startswith(start)), key=len)]


def _is_not_found(answer: httpx2.Response) -> None:
    assert (answer.status_code, answer.json()) == (404, {"message": "Not found."})


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_without_a_token_nobody_gets_in(acme: Caller, method: str, path: str) -> None:
    url = str(acme.http.base_url).rstrip("/") + _path(path, NOWHERE)
    for headers in ({}, {"Authorization": "Bearer nonsense"}, {"Authorization": f"Bearer {NOWHERE}|wrong"}):
        answer = httpx2.request(method, url, headers=headers, trust_env=False)
        assert (answer.status_code, answer.json()) == (401, {"message": "Unauthenticated."})


@pytest.mark.parametrize(("method", "path"), WITH_ID)
def test_what_another_organization_has_is_not_found(
    globex: Caller, things: dict[str, str], method: str, path: str
) -> None:
    _is_not_found(globex.call(method, _path(path, _id_of(things, path)), {}))


@pytest.mark.parametrize(("method", "path"), WITH_ID)
def test_an_id_that_is_none_is_not_found(acme: Caller, method: str, path: str) -> None:
    for id_ in ("42", "not-a-uuid", NOWHERE[:-1], NOWHERE):
        _is_not_found(acme.call(method, _path(path, id_), {}))


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_every_answer_says_what_is_left_of_the_minute(acme: Caller, method: str, path: str) -> None:
    answer = acme.call(method, _path(path, NOWHERE), {"name": None})
    assert answer.headers["X-RateLimit-Limit"] == "1000000"
    assert 0 < int(answer.headers["X-RateLimit-Remaining"]) < 1000000


def test_the_things_are_as_they_were(acme: Caller, things: dict[str, str]) -> None:
    """Globex tried to change and delete all of them."""
    for start, id_ in things.items():
        if start in ("/campaigns/", "/sms/campaigns/", "/email-domains/", "/email-templates/", "/contact-lists/"):
            assert acme.get(f"{start}{id_}").status_code == 200
