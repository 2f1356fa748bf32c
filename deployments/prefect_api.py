"""What ExoSend asks a Prefect server over HTTP, without importing Prefect (2.5 s, 86 MB)."""

import hashlib
import socket
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import httpx2

from models.pipelines import PARAMETERS, WORK_POOL
from models.settings import Settings

_PROJECT = Path(__file__).parent.parent


class PrefectApi:
    """A Prefect server. Every method raises httpx2.HTTPError when it is away."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        # No proxy of the environment: the server is on this machine, or on the inner network.
        self._client = httpx2.Client(
            base_url=settings.prefect_url, auth=settings.prefect_credentials, timeout=5, trust_env=False
        )

    def healthy(self) -> bool:
        """Whether it answers; never raises."""
        try:
            return self._client.get("/health").status_code == httpx2.codes.OK
        except httpx2.HTTPError:
            return False

    def version(self) -> str:
        """The server's version."""
        answer: str = self._get("/admin/version")
        return answer

    def work_pool_exists(self) -> bool:
        """Whether ExoSend's work pool is there."""
        return self._client.get(f"/work_pools/{WORK_POOL}").status_code == httpx2.codes.OK

    def online_workers(self) -> int:
        """How many workers of the work pool have given a sign of life lately."""
        return sum(worker["status"] == "ONLINE" for worker in self._workers())

    def worker_seen_since(self, instant: datetime) -> bool:
        """Whether this machine's worker has given a sign of life since then."""
        return any(
            worker["name"] == worker_name(self._settings)
            and worker["last_heartbeat_time"]
            and datetime.fromisoformat(worker["last_heartbeat_time"]) >= instant
            for worker in self._workers()
        )

    def _workers(self) -> list[dict[str, Any]]:
        response = self._client.post(f"/work_pools/{WORK_POOL}/workers/filter", json={})
        if response.status_code == httpx2.codes.NOT_FOUND:
            return []
        workers: list[dict[str, Any]] = response.raise_for_status().json()
        return workers

    def missing_deployments(self) -> list[str]:
        """The deployments that ExoSend starts and the server does not know."""
        return [
            name for name in PARAMETERS if self._client.get(f"/deployments/name/{name}").status_code != httpx2.codes.OK
        ]

    def knows_exosend(self) -> bool:
        """Whether the work pool and all deployments are there, by one request."""
        answer = self._client.post("/deployments/filter", json={"work_pools": {"name": {"any_": [WORK_POOL]}}})
        known = {deployment["name"] for deployment in answer.raise_for_status().json()}
        return {name.partition("/")[2] for name in PARAMETERS} <= known

    def is_set_up(self) -> bool:
        """Whether the work pool and the deployments of this version of the code are there."""
        return (
            applied_fingerprint(self._settings) == fingerprint(self._settings)
            and self.work_pool_exists()
            and not self.missing_deployments()
        )

    def _get(self, path: str) -> Any:
        return self._client.get(path).raise_for_status().json()

    def close(self) -> None:
        """Close the connections."""
        self._client.close()


def worker_name(settings: Settings) -> str:
    """The same after each restart, so that the UI does not fill with workers that are gone."""
    return f"{socket.gethostname()}-{settings.port}"


def fingerprint(settings: Settings) -> str:
    """A hash of all that a deployment is made of: prefect.yaml, the flows and their parameters, Prefect itself."""
    files = [_PROJECT / "prefect.yaml", _PROJECT / "models" / "pipelines.py", *sorted(_PROJECT.glob("flows/*.py"))]
    parts = [version("prefect"), settings.prefect_url, WORK_POOL, str(settings.worker_limit)]
    digest = hashlib.sha256("\0".join(parts).encode())
    for file in files:
        digest.update(file.read_bytes())
    return digest.hexdigest()


def applied_fingerprint(settings: Settings) -> str | None:
    """The fingerprint of what was last applied from this data folder."""
    path = _applied(settings)
    return path.read_text() if path.exists() else None


def remember_applied(settings: Settings) -> None:
    """Write down that the server knows the deployments as they are now."""
    path = _applied(settings)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(fingerprint(settings))


def _applied(settings: Settings) -> Path:
    return settings.data_dir / "prefect" / "exosend-applied"
