"""Wake what sends: a flow by one HTTP request to Prefect (importing it takes 2.5 s and 86 MB), the courier by NOTIFY.

Nothing depends on either getting through: what is to be sent is in Postgres, where the courier finds it and starts what
was not started. So time-outs are short and no error is raised.
"""

import logging
import random
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from threading import Lock
from typing import Any
from uuid import UUID

import httpx2
from pydantic import BaseModel

from models.pipelines import DEPLOYMENTS, DRAINED, PARAMETERS
from models.rules.lifecycle import RunKind
from models.session import DATABASE_AWAY, Database
from models.settings import Settings
from models.store.outbox import notify

logger = logging.getLogger(__name__)

TIMEOUT_SECONDS = 1.0
_BUSY_WAITS = (0.05, 0.1, 0.2, 0.4)

# Not for each request: a courier that found something looks again that soon.
_WAKE_SECONDS = 0.02
# A draining flow takes 1–3 s to start (4–12 s without a preloader) and then takes whatever is there.
_DRAINING_SECONDS = 1.0
_DRAINING_SLOT_SECONDS = 5
_BEGINNING_SECONDS = 20.0  # a flow that runs for less may not have given its first sign of life
_NOT_RUNNING = ("SCHEDULED", "PENDING")  # Prefect's states of a flow run that was asked for

_ids: dict[tuple[str, str], str] = {}
_ids_lock = Lock()


@cache
def prefect_client(url: str, auth: tuple[str, str] | None = None) -> httpx2.Client:
    """Kept connections to a Prefect server's API; no proxy stands between, whatever the environment says."""
    return httpx2.Client(base_url=url, auth=auth, timeout=TIMEOUT_SECONDS, trust_env=False)


def start_flow(
    settings: Settings,
    deployment: str,
    parameters: BaseModel,
    *,
    idempotency_key: str,
    tags: Sequence[str] = (),
    run_name: str | None = None,
    at: datetime | None = None,
) -> UUID | None:
    """Create a flow run of `deployment` (`flow/deployment`); its id, or None when Prefect is away or does not know it.

    It starts now, or `at` that time. The same key gives the same flow run. A deployment that was applied anew has
    another id: a 404 is tried once more.
    """
    client = prefect_client(settings.prefect_url, settings.prefect_credentials)
    body = {
        "parameters": parameters.model_dump(mode="json", exclude_none=True),
        "idempotency_key": idempotency_key,
        "tags": list(tags),
        **({"name": run_name} if run_name else {}),
        **({"state": {"type": "SCHEDULED", "state_details": {"scheduled_time": at.isoformat()}}} if at else {}),
    }
    key = (settings.prefect_url, deployment)
    try:
        for _attempt in range(2):
            response = _create(client, _deployment_id(client, key), body)
            if response.status_code != httpx2.codes.NOT_FOUND:
                return UUID(response.raise_for_status().json()["id"])
            with _ids_lock:
                _ids.pop(key, None)
    except (httpx2.HTTPError, ValueError, KeyError) as error:
        logger.warning("%s was not started (%s); the courier will.", deployment, type(error).__name__)
        return None
    logger.warning("Prefect does not know the deployment %s; `exosend up` applies it.", deployment)
    return None


def _create(client: httpx2.Client, deployment_id: str, body: Mapping[str, Any]) -> httpx2.Response:
    """The request, again after a moment while the answer is 503: the key makes one flow run of them all.

    On SQLite Prefect refuses at once what another write has overtaken: of 24 requests by four clients, 20.
    """
    path = f"/deployments/{deployment_id}/create_flow_run"
    for wait in _BUSY_WAITS:
        response = client.post(path, json=body)
        if response.status_code != httpx2.codes.SERVICE_UNAVAILABLE:
            return response
        time.sleep(random.uniform(0.5, 1.5) * wait)  # noqa: S311 - so that two do not meet again
    return client.post(path, json=body)


def _deployment_id(client: httpx2.Client, key: tuple[str, str]) -> str:
    with _ids_lock:
        known = _ids.get(key)
    if known is None:
        response = client.get(f"/deployments/name/{key[1]}")
        known = str(response.raise_for_status().json()["id"])
        with _ids_lock:
            _ids[key] = known
    return known


class _AtMost:
    """Says yes at most once in `seconds`."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._at = -seconds
        self._lock = Lock()

    def __call__(self) -> bool:
        with self._lock:
            now = time.monotonic()
            if now - self._at < self._seconds:
                return False
            self._at = now
            return True


_may_wake = _AtMost(_WAKE_SECONDS)
_may_drain = {kind: _AtMost(_DRAINING_SECONDS) for kind in DRAINED}


def wake_courier(database: Database) -> None:
    """Tell the courier that there is something in the outbox. Call it after the commit; it never raises.

    At most once in 20 ms a process; what it does not tell of the courier finds within 50 ms by looking.
    """
    if not _may_wake():
        return
    try:
        notify(database)
    except DATABASE_AWAY as error:
        logger.warning("The courier was not woken (%s); it looks by itself.", type(error).__name__)


def start_draining(settings: Settings, kind: RunKind) -> None:
    """See that a draining flow of the kind (bulk, batch) runs: call it after the commit; it never raises.

    Does nothing while Prefect knows of one that runs or is about to. One that only seems to run does not matter: the
    courier starts another for runs that wait.
    """
    if _may_drain[kind]():
        start_drainer(settings, kind, but_not_beside=(*_NOT_RUNNING, "RUNNING"))


def start_drainer(settings: Settings, kind: RunKind, *, but_not_beside: Sequence[str] = _NOT_RUNNING) -> UUID | None:
    """Start a draining flow, unless one is in these of Prefect's states; its id, or None.

    Starts within five seconds are the same one, whoever asks for them.
    """
    deployment = DEPLOYMENTS[kind]
    client = prefect_client(settings.prefect_url, settings.prefect_credentials)
    try:
        deployment_id = _deployment_id(client, (settings.prefect_url, deployment))
        began = (datetime.now(UTC) - timedelta(seconds=_BEGINNING_SECONDS)).isoformat()
        if _has_one(client, deployment_id, state={"type": {"any_": list(but_not_beside)}}) or _has_one(
            client, deployment_id, state={"type": {"any_": ["RUNNING"]}}, start_time={"after_": began}
        ):
            return None
    except (httpx2.HTTPError, ValueError, KeyError) as error:
        logger.warning("%s was not started (%s); the courier will.", deployment, type(error).__name__)
        return None
    slot = int(time.time()) // _DRAINING_SLOT_SECONDS
    return start_flow(settings, deployment, PARAMETERS[deployment](), idempotency_key=f"{kind.value}:{slot}")


def _has_one(client: httpx2.Client, deployment_id: str, **flow_runs: object) -> bool:
    """Whether Prefect knows a flow run of the deployment that this filter of its finds."""
    body = {"deployments": {"id": {"any_": [deployment_id]}}, "flow_runs": flow_runs}
    return int(client.post("/flow_runs/count", json=body).raise_for_status().json()) > 0
