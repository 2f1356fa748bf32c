"""A client of the contract: organizations of a running stack, and what an answer must look like."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx2

from deployments.demo_stack import DemoStack
from tests.support.stack import exosend, wait_for

ENDPOINTS: list[dict[str, Any]] = json.loads(
    (Path(__file__).parents[2] / "docs" / "api" / "endpoints.json").read_text(encoding="utf-8")
)
"""The 62 documented endpoints."""

NOWHERE = "01a20873-dd11-7487-b916-d7a158f9babe"
PAGINATION = {"total", "per_page", "current_page", "last_page"}


@dataclass(frozen=True)
class Caller:
    """An organization that calls the API. Paths are below /api/v1."""

    organization_id: str
    domain: str
    http: httpx2.Client

    @classmethod
    def create(cls, demo: DemoStack, name: str, credits_: str) -> "Caller":
        """A new organization with credits, a verified domain, a sender ID and no limit that matters."""
        domain = f"{uuid4().hex}.example.com"
        made = json.loads(
            exosend(
                demo,
                *("org", "create", "--name", name, "--credits", credits_, "--domain", domain),
                *("--sender-id", "EXOCLASS", "--rate-limit", "1000000", "--json"),
            ).stdout
        )
        headers = {"Authorization": f"Bearer {made['token']}"}
        http = httpx2.Client(base_url=f"{demo.api_url}/api/v1", headers=headers, timeout=60, trust_env=False)
        return cls(made["organization_id"], domain, http)

    def call(self, method: str, path: str, body: Any = None, **options: Any) -> httpx2.Response:
        """Any request; `body` goes as JSON."""
        return self.http.request(method, path, **({"json": body} if body is not None else {}), **options)

    def get(self, path: str, **query: Any) -> httpx2.Response:
        """GET, with a query."""
        return self.http.get(path, params=query)

    def post(self, path: str, body: Any = None, **options: Any) -> httpx2.Response:
        """POST of JSON, or of what the options say."""
        return self.call("POST", path, body, **options)

    def put(self, path: str, body: Any) -> httpx2.Response:
        """PUT of JSON."""
        return self.call("PUT", path, body)

    def patch(self, path: str) -> httpx2.Response:
        """PATCH without a body."""
        return self.call("PATCH", path)

    def delete(self, path: str) -> httpx2.Response:
        """DELETE."""
        return self.call("DELETE", path)

    def made(self, path: str, body: Any) -> dict[str, Any]:
        """The data of what a POST made."""
        answer = self.post(path, body)
        assert answer.status_code in (201, 202), answer.text
        return dict(answer.json()["data"])

    def contact(self, **values: Any) -> dict[str, Any]:
        """A new contact."""
        return self.made("/contacts", {"email": f"{uuid4().hex}@example.com", **values})

    def contact_list(self, *contacts: dict[str, Any]) -> str:
        """A new list with these contacts; its id."""
        list_id = str(self.made("/contact-lists", {"name": uuid4().hex})["id"])
        if contacts:
            ids = [contact["id"] for contact in contacts]
            assert self.post(f"/contact-lists/{list_id}/contacts", {"contact_ids": ids}).status_code == 200
        return list_id

    def draft(self) -> dict[str, Any]:
        """A campaign with all that sending needs, to two contacts."""
        list_id = self.contact_list(self.contact(), self.contact())
        content = {"subject": "Hello", "html_content": '<p>Hi <a href="https://example.com/pricing">there</a></p>'}
        return self.made("/campaigns", {"name": "January", "target_list_ids": [list_id], **content})

    def reaches(self, path: str, status: str, seconds: float = 60) -> dict[str, Any]:
        """What is at `path` as soon as its status is that."""
        return wait_for(f"{path} {status}", lambda: self._with_status(path, status), seconds)

    def _with_status(self, path: str, status: str) -> dict[str, Any] | None:
        data = self.get(path).json()["data"]
        return dict(data) if data["status"] == status else None


def succeeds(answer: httpx2.Response, status: int, message: str | None = None) -> Any:
    """The data of a success of exactly this form."""
    assert answer.status_code == status, answer.text
    body = answer.json()
    assert body.keys() == ({"success", "data", "message"} if message else {"success", "data"})
    assert body["success"] is True
    assert body.get("message") == message
    return body["data"]


def is_page(data: dict[str, Any], items: str, keys: Iterable[str]) -> list[dict[str, Any]]:
    """The items of one page, each with exactly these keys."""
    assert data.keys() == {items, "pagination"}
    assert data["pagination"].keys() == PAGINATION
    assert all(item.keys() == set(keys) for item in data[items])
    return list(data[items])


def is_past_the_end(caller: Caller, path: str, items: str = "data") -> None:
    """A page past the end is empty, and says where the end is."""
    data = succeeds(caller.get(path, page=900, per_page=10), 200)
    assert data[items] == []
    assert data["pagination"]["current_page"] == 900
    assert data["pagination"]["last_page"] >= 1


def is_invalid(answer: httpx2.Response, errors: dict[str, str]) -> None:
    """422 that names exactly these fields, each with this text, and sums them up."""
    assert answer.status_code == 422, answer.text
    body = answer.json()
    assert {field: texts[0] for field, texts in body["errors"].items()} == errors
    total = sum(map(len, body["errors"].values()))
    first = next(iter(body["errors"].values()))[0]
    more = "" if total == 1 else f" (and {total - 1} more error{'s' if total > 2 else ''})"
    assert body["message"] == first + more


def is_illegal(answer: httpx2.Response, current_status: str) -> None:
    """409 of the contract's form, saying how things stand."""
    assert answer.status_code == 409, answer.text
    body = answer.json()
    assert body.keys() == {"success", "message", "error"}
    assert body["success"] is False
    assert body["error"].keys() == {"code", "current_status"}
    assert body["error"]["current_status"] == current_status
