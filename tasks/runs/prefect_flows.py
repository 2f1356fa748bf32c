"""What Prefect says of flow runs: asked over HTTP, many at once, without importing Prefect."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

import httpx2

from models.settings import Settings

TIMEOUT_SECONDS = 1.0
MOST = 200
"""Prefect gives no more than so many in one answer."""

CANCELLED = ("CANCELLING", "CANCELLED")
WAITING = ("SCHEDULED", "PAUSED")
STARTED = ("PENDING", "RUNNING")


@dataclass(frozen=True, slots=True)
class InPrefect:
    """A flow run's state: its type, and for how many seconds it has been so by Prefect's clock and ours."""

    state: str
    seconds: float


def states_in_prefect(
    settings: Settings, flow_run_ids: Sequence[UUID], *, of: Sequence[str] = ()
) -> dict[UUID, InPrefect]:
    """The states of those flow runs that Prefect knows, only those in a state of the types `of` if there are any.

    One request; at most `MOST` are answered. Raises httpx2.HTTPError when Prefect is away, which says nothing of them.
    """
    if not flow_run_ids:
        return {}
    wanted: dict[str, object] = {"id": {"any_": [str(id_) for id_ in flow_run_ids]}}
    if of:
        wanted["state"] = {"type": {"any_": list(of)}}
    answer = httpx2.post(
        f"{settings.prefect_url}/flow_runs/filter",
        json={"flow_runs": wanted, "limit": MOST},
        timeout=TIMEOUT_SECONDS,
        trust_env=False,
        auth=settings.prefect_credentials,
    )
    now = datetime.now(UTC)
    return {UUID(run["id"]): _read(run, now) for run in answer.raise_for_status().json()}


def _read(flow_run: dict[str, object], now: datetime) -> InPrefect:
    state = flow_run.get("state")
    since = state.get("timestamp") if isinstance(state, dict) else None
    seconds = (now - datetime.fromisoformat(str(since))).total_seconds() if since else 0.0
    return InPrefect(str(flow_run.get("state_type")), seconds)
