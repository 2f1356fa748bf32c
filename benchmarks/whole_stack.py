"""The whole stack as `exosend up` starts it, on the benchmark's database, and campaigns that go through all of it."""

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID

import httpx2
import psutil
from sqlalchemy import text

from benchmarks.campaigns import draft_campaign
from benchmarks.measure import Bench
from benchmarks.memory import PeakMemory
from benchmarks.people import organization_with
from deployments.demo_client import DemoClient
from deployments.demo_stack import DemoStack, running_stack
from deployments.state import StackState
from models.session import Database, Role
from models.store.organizations import create_token
from tasks.steps.campaign import PLANNED, RESULTS, SENT

_T = TypeVar("_T")
_LONGEST_SECONDS = 1800.0
_POLL_SECONDS = 0.1
_SENT_AT = text(
    "SELECT extract(epoch FROM min(sent_at))::float, extract(epoch FROM max(sent_at))::float"
    " FROM messages WHERE run_id = :run"
)


@dataclass(frozen=True, slots=True)
class Sent:
    """A campaign that went through the stack. Times are in seconds since its POST /send began."""

    began: float  # in seconds since 1970
    recipients: int
    answered: float  # the POST
    in_prefect: float  # its flow run was made
    planning: float  # the flow's first step began
    planned: float
    first_sent: float
    last_sent: float  # the last outcome was recorded
    completed: float
    ended: float  # the flow run
    own: float  # seconds in which the run's own work went on, of `ended`

    @property
    def prefect_start(self) -> float:
        """From the making of the flow run to the flow's first step."""
        return self.planning - self.in_prefect

    @property
    def prefect_rest(self) -> float:
        """What Prefect took besides: task runs, reports of state, artifacts."""
        return self.ended - self.own - self.prefect_start


@dataclass(frozen=True, slots=True)
class Audience:
    """An organization with a list of contacts, and its token."""

    organization_id: UUID
    list_id: UUID
    contacts: int
    token: str


class WholeStack:
    """A running stack on the benchmark's database."""

    def __init__(self, bench: Bench, demo: DemoStack, database: Database) -> None:
        self.demo = demo
        self._bench = bench
        self._database = database

    def audience(self, contacts: int) -> Audience:
        """A new organization with as many contacts, which do not come by an import: that is measured elsewhere."""
        organization_id, list_id = organization_with(self._database, contacts, suppressed=False)
        with self._database.transaction(None) as session:
            token = create_token(session, organization_id, user_id=None, name="benchmark").text
        return Audience(organization_id, list_id, contacts, token)

    def draft(self, audience: Audience) -> UUID:
        """A campaign to all of them."""
        return draft_campaign(self._database, audience.organization_id, audience.list_id, {})

    def send(self, audience: Audience, campaign_id: UUID) -> Sent:
        """POST /send, and wait until the flow run has ended. AssertionError unless everybody was sent to."""
        self._bench.settle()
        client = DemoClient(self.demo.api_url, audience.token)
        try:
            began = time.time()
            client.call("POST", f"/campaigns/{campaign_id}/send")
            answered = time.time()
        finally:
            client.close()
        run = _wait("the campaign", lambda: self._ended_run(campaign_id))
        assert run.state == "completed", f"The run is {run.state}: {run.failure_reason}"
        assert run.sent == audience.contacts, f"{run.sent} of {audience.contacts} were accepted."
        flow = _wait("the flow run", lambda: self._flow_run(run.flow_run_id))
        steps = _wait("the log of the flow run", lambda: self._steps(run.flow_run_id))
        with self._database.transaction(None) as session:
            first, last = session.execute(_SENT_AT, {"run": run.id}).one()
        made = _epoch(flow["created"])
        return Sent(
            began=began,
            recipients=run.sent,
            answered=answered - began,
            in_prefect=made - began,
            planning=steps["plan"][0] - began,
            planned=run.planned_at - began,
            first_sent=first - began,
            last_sent=last - began,
            completed=run.finished_at - began,
            ended=_epoch(flow["end_time"]) - began,
            own=made - began + sum(end - start for start, end in steps.values()),
        )

    def memory(self) -> PeakMemory:
        """What watches the stack's processes, and those of Postgres."""
        state = StackState.load(Path(self.demo.environment["EXOSEND_DATA_DIR"]))
        assert state is not None
        with self._database.transaction(None) as session:
            backend: int = session.execute(text("SELECT pg_backend_pid()")).scalar_one()
            return PeakMemory(state.stack_id, psutil.Process(backend).ppid())

    def _ended_run(self, campaign_id: UUID) -> Any:
        with self._database.transaction(None) as session:
            return session.execute(_ENDED, {"campaign": campaign_id}).one_or_none()

    def _flow_run(self, flow_run_id: UUID) -> Mapping[str, Any] | None:
        found: Mapping[str, Any] = self._prefect("GET", f"/flow_runs/{flow_run_id}")
        return found if found["end_time"] else None

    def _steps(self, flow_run_id: UUID) -> dict[str, tuple[float, float]] | None:
        """When the own work of each step began and ended, by the flow run's tasks and its log; None until both are
        there, which Prefect writes seconds later."""
        mine = {"flow_runs": {"id": {"any_": [str(flow_run_id)]}}}
        began = {
            run["task_key"].partition("-")[0]: _epoch(run["start_time"])
            for run in self._prefect("POST", "/task_runs/filter", json=mine)
            if run["start_time"]
        }
        logs = self._prefect(
            "POST",
            "/logs/filter",
            json={"logs": {"flow_run_id": {"any_": [str(flow_run_id)]}}, "sort": "TIMESTAMP_ASC"},
        )
        ended = {
            step: _epoch(line["timestamp"])
            for line in logs
            for step, words in _LAST_WORDS.items()
            if line["message"].startswith(words)
        }
        if not _LAST_WORDS.keys() <= began.keys() & ended.keys():
            return None
        return {step: (began[step], ended[step]) for step in _LAST_WORDS}

    def _prefect(self, method: str, path: str, **arguments: Any) -> Any:
        answer = httpx2.request(method, f"{self.demo.prefect_url}/api{path}", timeout=20, trust_env=False, **arguments)
        return answer.raise_for_status().json()


_LAST_WORDS = {"plan": PLANNED, "send": SENT, "close": RESULTS}
_ENDED = text(
    "SELECT r.id, r.state, r.failure_reason, f.flow_run_id, extract(epoch FROM r.planned_at)::float AS planned_at,"
    " extract(epoch FROM r.finished_at)::float AS finished_at,"
    " (SELECT sum(accepted) FROM chunks WHERE run_id = r.id) AS sent"
    " FROM runs r JOIN run_flows f ON f.run_id = r.id WHERE r.campaign_id = :campaign AND r.finished_at IS NOT NULL"
    " ORDER BY f.created_at LIMIT 1"
)


@contextlib.contextmanager
def whole_stack(bench: Bench, smtp_url: str) -> Iterator[WholeStack]:
    """Prefect, worker, API, courier; stopped afterwards."""
    settings = bench.settings
    assert settings.database_url is not None
    assert settings.secret_key is not None
    database = Database(settings, Role.ENGINE, pool_size=2)
    values = {"database_url": settings.database_url, "secret_key": settings.secret_key.get_secret_value()}
    try:
        with running_stack(bench.folder / "stack", smtp_url=smtp_url, **values) as demo:
            yield WholeStack(bench, demo, database)
    finally:
        database.close()


def _wait(what: str, look: Callable[[], _T | None]) -> _T:
    deadline = time.monotonic() + _LONGEST_SECONDS
    while (found := look()) is None:
        assert time.monotonic() < deadline, f"Not within {_LONGEST_SECONDS:.0f} s: {what}"
        time.sleep(_POLL_SECONDS)
    return found


def _epoch(instant: str) -> float:
    return datetime.fromisoformat(instant).timestamp()
