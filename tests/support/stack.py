"""A running stack, as tests from outside see it: the API with a token, Prefect over HTTP, the mail server's log."""

import json
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4

import httpx2
import psutil

from deployments.demo_client import DemoClient
from deployments.demo_stack import DemoStack
from deployments.forked import NAME
from deployments.processes import marked
from deployments.state import StackState

_T = TypeVar("_T")
_BUSY_SECONDS = 20.0


def wait_for(what: str, look: Callable[[], _T | None], seconds: float = 120.0) -> _T:
    """What `look` gives as soon as it gives something; AssertionError with `what` when it did not in time."""
    deadline = time.monotonic() + seconds
    while True:
        found = look()
        if found:
            return found
        assert time.monotonic() < deadline, f"Not within {seconds:.0f} s: {what}"
        time.sleep(0.1)


@dataclass(slots=True)
class Stack:
    """The stack and one organization in it."""

    demo: DemoStack
    client: DemoClient
    organization_id: str

    @classmethod
    def join(cls, demo: DemoStack, name: str = "Acme") -> "Stack":
        """A new organization, with credits and a domain, as an operator makes it."""
        answer = exosend(
            demo,
            "org",
            "create",
            "--name",
            name,
            "--credits",
            "5000",
            "--domain",
            f"{uuid4().hex}.example.com",
            "--rate-limit",
            "100000",
            "--json",
        )
        made = json.loads(answer.stdout)
        return cls(demo, DemoClient(demo.api_url, made["token"]), made["organization_id"])

    def audience(self, contacts: int) -> tuple[str, set[str]]:
        """A list of as many imported contacts: its id, and their addresses."""
        contact_list = self.client.call("POST", "/contact-lists", json={"name": uuid4().hex})
        addresses = {f"{uuid4().hex[:12]}.{i}@example.com" for i in range(contacts)}
        lines = "\n".join(f"{address},N{i}" for i, address in enumerate(sorted(addresses)))
        file = {"file": ("contacts.csv", f"email,first_name\n{lines}\n".encode(), "text/csv")}
        answer = self.client.call("POST", "/contacts/import", data={"list_id": contact_list["id"]}, files=file)
        path = f"/contacts/imports/{answer['import_id']}"
        ended = wait_for("the import", lambda: _ended(self.client.call("GET", path)))
        assert ended["imported"] == contacts
        return contact_list["id"], addresses

    def draft(self, list_id: str, **values: object) -> str:
        """A draft to a list; its id."""
        body = {"name": "News", "subject": "Hi {{ first_name }}", "html_content": "<p>Hi</p>", **values}
        campaign = self.client.call("POST", "/campaigns", json={"target_list_ids": [list_id], **body})
        return str(campaign["id"])

    def campaign(self, campaign_id: str) -> dict[str, Any]:
        """The campaign as the API shows it."""
        return dict(self.client.call("GET", f"/campaigns/{campaign_id}"))

    def wait_status(self, campaign_id: str, status: str, seconds: float = 120.0) -> dict[str, Any]:
        """The campaign when it has that status."""
        return wait_for(
            f"campaign {status}, {self.campaign(campaign_id)}",
            lambda: now if (now := self.campaign(campaign_id))["status"] == status else None,
            seconds,
        )

    def wait_sent(self, campaign_id: str, *, more_than: int = 0, seconds: float = 120.0) -> None:
        """Until so many messages of the campaign were sent."""
        what = f"more than {more_than} messages"
        wait_for(what, lambda: int(self.campaign(campaign_id)["total_sent"]) > more_than, seconds)

    def prefect(self, method: str, path: str, **arguments: Any) -> Any:
        """A request to Prefect's API."""
        return ask_prefect(self.demo, method, path, **arguments)

    def start_from_prefect(self, campaign_id: str, **state: object) -> str:
        """What the form in Prefect's UI does: a run of send-campaign with nothing but the campaign's id."""
        deployment = self.prefect("GET", "/deployments/name/send-campaign/send-campaign")
        body: dict[str, object] = {"parameters": {"campaign_id": campaign_id}, **({"state": state} if state else {})}
        return str(self.prefect("POST", f"/deployments/{deployment['id']}/create_flow_run", json=body)["id"])

    def flow_runs(self, campaign_id: str) -> list[dict[str, Any]]:
        """Prefect's runs of send-campaign for a campaign."""
        runs = self.prefect("POST", "/flow_runs/filter", json={"flows": {"name": {"any_": ["send-campaign"]}}})
        return [run for run in runs if run["parameters"].get("campaign_id") == campaign_id]

    def processes(self, *words: str) -> list[psutil.Process]:
        """Processes of the stack whose command line has all the words."""
        state = StackState.load(Path(self.demo.environment["EXOSEND_DATA_DIR"]))
        assert state is not None
        return [process for process in marked(state.stack_id) if _has(process, words)]

    def flow_processes(self) -> list[psutil.Process]:
        """The processes that run flows, all forked by the worker's preloader."""
        state = StackState.load(Path(self.demo.environment["EXOSEND_DATA_DIR"]))
        assert state is not None
        return [process for process in marked(state.stack_id) if _name(process) == NAME]


def ask_prefect(demo: DemoStack, method: str, path: str, **arguments: Any) -> Any:
    """What the stack's Prefect server answers to a request, None where it answers nothing."""
    url, credentials = f"{demo.prefect_url}/api{path}", prefect_credentials(demo)
    until = time.monotonic() + _BUSY_SECONDS
    while True:
        answer = httpx2.request(method, url, timeout=20, trust_env=False, auth=credentials, **arguments)
        # Its SQLite was busy, and nothing was done. Prefect's own client, and so its UI's users, try again as well.
        if answer.status_code != httpx2.codes.SERVICE_UNAVAILABLE or time.monotonic() > until:
            answer.raise_for_status()
            return answer.json() if answer.content else None
        time.sleep(0.5)


def prefect_credentials(demo: DemoStack) -> tuple[str, str] | None:
    """User and password of the stack's Prefect server, if it asks for them."""
    user, separator, password = demo.environment.get("EXOSEND_PREFECT_AUTH", "").partition(":")
    return (user, password) if separator else None


def exosend(demo: DemoStack, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command line against the stack."""
    command = [sys.executable, "-m", "deployments.cli", *arguments]
    return subprocess.run(command, env=demo.environment, capture_output=True, text=True, timeout=120, check=True)


def _ended(answer: dict[str, Any]) -> dict[str, Any] | None:
    return answer if answer["status"] in ("completed", "failed") else None


def _name(process: psutil.Process) -> str:
    try:
        return process.name()
    except psutil.Error:
        return ""


def _has(process: psutil.Process, words: tuple[str, ...]) -> bool:
    try:
        line = " ".join(process.cmdline())
    except psutil.Error:
        return False
    return all(word in line for word in words)
