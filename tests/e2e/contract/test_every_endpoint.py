"""What is the same for all 62 endpoints: who may not call them, and what is not there."""

from typing import Any

import httpx2
import pytest

from tests.support.contract import ENDPOINTS, NOWHERE, Caller

pytestmark = pytest.mark.xdist_group("stack")

WITH_ID = [endpoint for endpoint in ENDPOINTS if "{id}" in endpoint["path"]]


def _name(endpoint: dict[str, Any]) -> str:
    return f"{endpoint['method']} {endpoint['path'].removeprefix('/api/v1')}"


def _path(endpoint: dict[str, Any], id_: str) -> str:
    path = endpoint["path"].removeprefix("/api/v1")
    return str(path.replace("{contact_id}", NOWHERE).replace("{id}", id_).replace("{email}", "nobody@example.com"))


@pytest.fixture(scope="module")
def things(acme: Caller) -> dict[str, str]:
    """Ids of Acme's, by the beginning of the path that names them."""
    email = {"to_email": "ann@example.com", "subject": "Hi", "text_content": "Hi"}
    batch = acme.made("/emails/send-batch", {"emails": [email]})
    single = acme.made("/emails/send", email)["id"]
    campaign = acme.made("/campaigns", {"name": "C"})["id"]
    source = {"name": "T", "subject_template": "S", "html_content": "<p>x</p>"}
    return {
        "/sms/campaigns/": acme.made("/sms/campaigns", {"name": "C", "message_content": "Hi"})["id"],
        "/sms/": acme.made("/sms/send", {"recipient": "+37061234567", "message": "Hi"})["message_id"],
        "/emails/batch/": batch["batch_id"],
        "/emails/": single,
        "/email-domains/": acme.get("/email-domains").json()["data"][0]["id"],
        "/email-templates/": acme.made("/email-templates", source)["id"],
        "/campaigns/": campaign,
        "/contacts/": acme.contact()["id"],
        "/contact-lists/": acme.contact_list(),
        "/analytics/campaigns/": campaign,
        "/analytics/emails/": single,
        "/sender-ids/": acme.get("/sender-ids").json()["data"][0]["id"],
    }


def _id_of(things: dict[str, str], endpoint: dict[str, Any]) -> str:
    path = endpoint["path"].removeprefix("/api/v1")
    return things[max((start for start in things if path.startswith(start)), key=len)]


def _is_not_found(answer: httpx2.Response) -> None:
    assert (answer.status_code, answer.json()) == (404, {"message": "Not found."})


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=_name)
def test_without_a_token_nobody_gets_in(acme: Caller, endpoint: dict[str, Any]) -> None:
    url = str(acme.http.base_url).rstrip("/") + _path(endpoint, NOWHERE)
    for headers in ({}, {"Authorization": "Bearer nonsense"}, {"Authorization": f"Bearer {NOWHERE}|wrong"}):
        answer = httpx2.request(endpoint["method"], url, headers=headers, trust_env=False)
        assert (answer.status_code, answer.json()) == (401, {"message": "Unauthenticated."})


@pytest.mark.parametrize("endpoint", WITH_ID, ids=_name)
def test_what_another_organization_has_is_not_found(
    globex: Caller, things: dict[str, str], endpoint: dict[str, Any]
) -> None:
    _is_not_found(globex.call(endpoint["method"], _path(endpoint, _id_of(things, endpoint)), {}))


@pytest.mark.parametrize("endpoint", WITH_ID, ids=_name)
def test_an_id_that_is_none_is_not_found(acme: Caller, endpoint: dict[str, Any]) -> None:
    for id_ in ("42", "not-a-uuid", NOWHERE[:-1], NOWHERE):
        _is_not_found(acme.call(endpoint["method"], _path(endpoint, id_), {}))


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=_name)
def test_every_answer_says_what_is_left_of_the_minute(acme: Caller, endpoint: dict[str, Any]) -> None:
    answer = acme.call(endpoint["method"], _path(endpoint, NOWHERE), {"name": None})
    assert answer.headers["X-RateLimit-Limit"] == "1000000"
    assert 0 < int(answer.headers["X-RateLimit-Remaining"]) < 1000000


def test_the_things_are_as_they_were(acme: Caller, things: dict[str, str]) -> None:
    """Globex tried to change and delete all of them."""
    for start, id_ in things.items():
        if start in ("/campaigns/", "/sms/campaigns/", "/email-domains/", "/email-templates/", "/contact-lists/"):
            assert acme.get(f"{start}{id_}").status_code == 200
