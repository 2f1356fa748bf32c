"""`exosend serve`: one service of the stack, for containers and machines where something else starts and watches it."""

import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from enum import StrEnum
from uuid import uuid4

from deployments.environment import metrics_folder, prefect_client_environment, temporary_folder
from deployments.leftovers import end_service
from deployments.processes import SERVICE_VARIABLE, STACK_VARIABLE, ProcessIdentity
from deployments.services import api, courier, worker
from deployments.state import ServiceRecord
from deployments.supervisor import PROJECT, Service
from models.errors import SetupError
from models.settings import Settings, load_settings

_LOOK_SECONDS = 0.2


class Served(StrEnum):
    """What may be served alone. `setup` is no service: it makes Prefect know the work pool and the deployments."""

    API = "api"
    WORKER = "worker"
    COURIER = "courier"
    SETUP = "setup"


def serve(service: Served) -> None:
    """Be this service until it ends or SIGTERM comes, with the settings that it needs and no more. Migrates nothing.

    Parameters
    ----------
    service
        api, worker, courier, or setup, which ends when Prefect knows the deployments.
    """
    settings = load_settings()
    if settings.prefect_api_url is None:
        raise SetupError("A service alone uses a Prefect server that is there: set EXOSEND_PREFECT_API_URL.")
    for folder in (settings.data_dir, metrics_folder(settings), temporary_folder(settings)):
        folder.mkdir(parents=True, exist_ok=True)
    sys.exit(_run(_SERVICES[service](settings)))


def _setup(settings: Settings) -> Service:
    command = [sys.executable, "-m", "deployments.prefect_setup"]
    return Service("setup", command, prefect_client_environment(settings), stop_order=0)


_SERVICES: dict[Served, Callable[[Settings], Service]] = {
    Served.API: api,
    Served.WORKER: worker,
    Served.COURIER: courier,
    Served.SETUP: _setup,
}


def _run(service: Service) -> int:
    """The exit code; 0 after a signal. A worker does not tell its flow runs to stop, and they have chunks to give back:
    in a container they would be killed with it."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    mark = uuid4().hex
    environment = {**service.environment, STACK_VARIABLE: mark, SERVICE_VARIABLE: service.name}
    process = subprocess.Popen(service.command, env=environment, cwd=PROJECT, start_new_session=True)
    identity = ProcessIdentity.of(process.pid)
    while process.poll() is None and not stop.wait(_LOOK_SECONDS):
        pass
    ended = process.returncode
    record = ServiceRecord(service.name, identity, service.stop_signal, service.stop_seconds, service.signal_all)
    end_service(mark, record)
    process.wait()
    if ended is None:
        return 0
    return ended if ended >= 0 else 128 - ended
