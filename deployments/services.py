"""The services of a stack as programs: what is run, with which environment, and how each is stopped."""

import signal
import sys
from collections.abc import Callable

from deployments.environment import (
    api_environment,
    engine_environment,
    prefect_server_environment,
    worker_environment,
)
from deployments.postgres import Cluster, server_environment
from deployments.postgres_refusing import Refusing
from deployments.supervisor import Service
from models.settings import Settings

_PYTHON = sys.executable


def api(settings: Settings) -> Service:
    """The HTTP API: granian with several processes, stateless."""
    command = [
        *(_PYTHON, "-m", "granian", "--interface", "wsgi", "--factory", "api.app:create_app"),
        *("--host", settings.host, "--port", str(settings.port)),
        *("--workers", str(settings.api_workers), "--blocking-threads", str(settings.api_threads)),
        *("--respawn-failed-workers", "--workers-kill-timeout", "8", "--no-ws"),
    ]
    return Service("api", command, api_environment(settings), stop_order=1)


def courier(settings: Settings) -> Service:
    """The long-lived sender of what does not wait for a flow."""
    return Service(
        "courier",
        [_PYTHON, "-m", "deployments.courier"],
        engine_environment(settings),
        stop_order=2,
        stop_seconds=15,
    )


def worker(settings: Settings) -> Service:
    """The Prefect worker. Its flow runs are told to stop as well, and get time to give back their chunks."""
    return Service(
        "worker",
        [_PYTHON, "-m", "deployments.prefect_worker"],
        worker_environment(settings),
        stop_order=3,
        stop_seconds=15,
        signal_all=True,
        descendants_stay=True,
    )


def prefect_server(settings: Settings) -> Service:
    """One Prefect server process, on loopback."""
    command = [_PYTHON, "-m", "prefect", "server", "start"]
    return Service("prefect", command, prefect_server_environment(settings), stop_order=4)


def embedded_postgres(cluster: Cluster, before_restart: Callable[[], object]) -> Service:
    """The embedded PostgreSQL; SIGINT is its fast shutdown."""
    return Service(
        "postgres",
        cluster.command(),
        server_environment(),
        stop_order=5,
        stop_signal=signal.SIGINT,
        stop_seconds=30,
        before_restart=before_restart,
        hangs=Refusing(cluster),
    )
