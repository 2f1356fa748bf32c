"""What the demo does with the API: import, opt out, campaign. A client of the public endpoints, nothing else."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx2

from models.errors import ExoSendError

_TIMEOUT_SECONDS = 60.0
_POLL_SECONDS = 0.25


class DemoError(ExoSendError):
    """The demo did not go as it must. The message says what was expected and what came."""


class DemoClient:
    """An API client of one organization."""

    def __init__(self, api_url: str, token: str) -> None:
        self._http = httpx2.Client(
            base_url=f"{api_url}/api/v1",
            headers={"Authorization": f"Bearer {token}"},
            timeout=_TIMEOUT_SECONDS,
            trust_env=False,
        )

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def call(self, method: str, path: str, **arguments: Any) -> Any:
        """The `data` of an answer. Raises DemoError with the API's message for any error."""
        response = self._http.request(method, path, **arguments)
        if response.is_error:
            raise DemoError(f"{_message(response)} ({method} {path} answered {response.status_code})")
        return response.json()["data"]

    def import_contacts(self, file: Path, list_id: str, seconds: float) -> dict[str, Any]:
        """Import a CSV onto a list and wait for its end; the numbers of the import."""
        with file.open("rb") as content:
            answer = self.call(
                "POST",
                "/contacts/import",
                data={"list_id": list_id},
                files={"file": (file.name, content, "text/csv")},
            )
        deadline = time.monotonic() + seconds
        while answer.get("status") not in ("completed", "failed"):
            if time.monotonic() > deadline:
                raise DemoError(f"The import had not ended after {seconds:.0f} s: {answer}")
            time.sleep(_POLL_SECONDS)
            answer = self.call("GET", f"/contacts/imports/{answer['import_id']}")
        if answer["status"] == "failed":
            raise DemoError(f"The import failed: {answer['failure_reason']}")
        return dict(answer)

    def opt_out(self, list_id: str, count: int) -> set[str]:
        """Let `count` contacts of the list opt out by each of the two ways there are; their addresses."""
        if count == 0:
            return set()
        contacts = self.call("GET", f"/contact-lists/{list_id}/contacts", params={"per_page": 2 * count})["data"]
        for contact in contacts[:count]:
            self.call("PUT", f"/contacts/{contact['id']}", json={"status": "unsubscribed"})
        for contact in contacts[count:]:
            self.call("POST", "/suppressions", json={"email": contact["email"], "reason": "manual"})
        return {contact["email"] for contact in contacts}

    def wait_campaign(self, campaign_id: str, seconds: float, show: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
        """Wait until the campaign has ended, calling `show` with each state of it."""
        deadline = time.monotonic() + seconds
        while True:
            campaign = self.call("GET", f"/campaigns/{campaign_id}")
            show(campaign)
            if campaign["status"] in ("completed", "failed", "cancelled"):
                return dict(campaign)
            if time.monotonic() > deadline:
                raise DemoError(f"The campaign had not ended after {seconds:.0f} s: {campaign}")
            time.sleep(_POLL_SECONDS)


def _message(response: httpx2.Response) -> str:
    """What the API says is wrong; without such an answer, the beginning of what came."""
    try:
        return str(response.json()["message"])
    except (ValueError, KeyError, TypeError):
        return response.text[:200]
