"""`exosend up`: brings up the whole of ExoSend on one machine, keeps it up, and takes it down in order."""

import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import httpx2

from deployments import postgres, services
from deployments.environment import metrics_folder, prefect_client_environment, temporary_folder
from deployments.leftovers import end_stack
from deployments.logs import LogFolder
from deployments.prefect_api import PrefectApi, applied_fingerprint, fingerprint
from deployments.processes import ProcessIdentity
from deployments.screen import Screen
from deployments.state import FolderLock, StackState
from deployments.supervisor import Stopping, Supervisor
from models.errors import SetupError
from models.migrations.run import upgrade
from models.session import psycopg_url
from models.settings import Settings
from tasks.providers.registry import open_provider

_READY_SECONDS = 180.0
# What the watchdog of a killed stack needs at most, its flow runs' 15 s included.
_CLEANING_SECONDS = 60.0


def run_stack(settings: Settings) -> None:
    """Run the stack until it is told to stop (SIGINT, SIGTERM, SIGHUP).

    Raises SetupError: before anything was started or changed when an address cannot be read or the folder is in
    use, before anything was started when a port is taken, and after stopping everything again when a part does not
    come up.
    """
    for channel in ("email", "sms"):
        open_provider(settings, channel)  # else the first campaign would be the one to find out
    if settings.database_url is not None:
        psycopg_url(settings.database_url)
    lock = FolderLock(settings.data_dir)
    try:
        _take_folder(lock, settings)
        logs = LogFolder(settings.data_dir)
        logs.rotate()
        screen = Screen(logs.file("up"))
        _end_leftovers(settings, screen)
        _check_ports(settings)
        key = settings.data_dir / "secret.key"
        if settings.secret_key is None and _make_secret_key(key):
            screen.say(f"made a secret key in {key}; keep a copy, no backup contains it")
        state = StackState(
            stack_id=secrets.token_hex(8),
            supervisor=ProcessIdentity.current(),
            port=settings.port,
            prefect_port=None if settings.prefect_api_url else settings.prefect_port,
            prefect_url=settings.prefect_url,
            smtp_url=settings.smtp_url,
        )
        try:
            with Supervisor(settings.data_dir, state, lock, logs, screen.say) as supervisor:
                _bring_up(supervisor, settings, logs, screen)
                supervisor.run()
        except Stopping:
            pass
        screen.say("stopped")
    finally:
        lock.release()


def _take_folder(lock: FolderLock, settings: Settings) -> None:
    """The lock, at once or when the watchdog of a killed stack has finished. Raises SetupError if a stack runs."""
    deadline = time.monotonic() + _CLEANING_SECONDS
    while not lock.acquire():
        state = StackState.load(settings.data_dir)
        if state is not None and state.runs():
            raise SetupError(
                f"A stack already runs on {settings.data_dir} (pid {state.supervisor.pid}, API on port {state.port}, "
                f"Prefect at {state.prefect_url}). Stop it first, or choose another --data-dir."
            )
        if time.monotonic() > deadline:
            raise SetupError(f"{settings.data_dir} is locked by another process: {settings.data_dir / 'lock'}.")
        time.sleep(0.2)


def _end_leftovers(settings: Settings, screen: Screen) -> None:
    """What a stack left running that was killed together with its watchdog."""
    state = StackState.load(settings.data_dir)
    if state is not None:
        screen.say(f"the last stack here (pid {state.supervisor.pid}) was killed; ending what it left")
        end_stack(settings.data_dir, state, lambda name: screen.say(f"ending {name}"))
        StackState.forget(settings.data_dir)


def _check_ports(settings: Settings) -> None:
    """Raises SetupError for a port that another program has."""
    wanted = [(settings.host, settings.port, "--port or EXOSEND_PORT")]
    if settings.prefect_api_url is None:
        wanted.append(("127.0.0.1", settings.prefect_port, "--prefect-port or EXOSEND_PREFECT_PORT"))
    if settings.port == settings.prefect_port and settings.prefect_api_url is None:
        raise SetupError(f"The API and Prefect cannot share port {settings.port}: change --port or --prefect-port.")
    for host, port, option in wanted:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
            except OSError as error:
                raise SetupError(
                    f"Port {port} on {host} cannot be used ({error.strerror}): choose another one with {option}."
                ) from error


def _bring_up(supervisor: Supervisor, settings: Settings, logs: LogFolder, screen: Screen) -> None:
    """Start everything. Prefect first: its server takes 5 to 15 s, in which all the rest comes up beside it."""
    begun, begun_at = time.monotonic(), datetime.now(UTC)
    screen.say(f"starting ExoSend in {settings.data_dir}")
    if settings.prefect_api_url is None:
        supervisor.start(services.prefect_server(settings))
    setup = None
    if applied_fingerprint(settings) != fingerprint(settings):
        setup = _begin_setup(supervisor, settings)
    settings = _database(supervisor, settings)
    _empty_folders(settings)
    supervisor.start(services.api(settings))
    supervisor.start(services.courier(settings))
    supervisor.start(services.worker(settings))
    _finish_setup(supervisor, setup, settings, logs)
    _wait_healthy(supervisor, settings, logs)
    _wait_worker(supervisor, settings, begun_at, logs)
    screen.ready(settings, supervisor.state, time.monotonic() - begun)


def _empty_folders(settings: Settings) -> None:
    """What processes that have ended left: temporary files, and counters that would be added to the new ones."""
    for folder in (metrics_folder(settings), temporary_folder(settings)):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(mode=0o700)


def _database(supervisor: Supervisor, settings: Settings) -> Settings:
    """The database, migrated; returns the settings with its address."""
    if settings.database_url is None:
        cluster = postgres.prepare(settings.data_dir)
        supervisor.start(services.embedded_postgres(cluster, lambda: postgres.end_leftover(settings.data_dir)))
        cluster.wait_ready(alive=lambda: supervisor.alive("postgres") and not supervisor.stop_requested.is_set())
        settings = settings.with_values(database_url=cluster.url())
    assert settings.database_url is not None
    supervisor.check_stop()
    upgrade(settings.database_url, settings)
    supervisor.state.database_url = settings.database_url
    return settings


def _begin_setup(supervisor: Supervisor, settings: Settings) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "deployments.prefect_setup"]
    return supervisor.begin("prefect-setup", command, prefect_client_environment(settings))


def _finish_setup(
    supervisor: Supervisor, setup: subprocess.Popen[bytes] | None, settings: Settings, logs: LogFolder
) -> None:
    """Wait until Prefect knows the work pool and the deployments; where nothing had changed, look whether it does."""
    if setup is None:
        server = PrefectApi(settings)
        supervisor.wait_for(server.healthy, _READY_SECONDS)
        if server.is_set_up():
            return
        setup = _begin_setup(supervisor, settings)
    if not supervisor.wait_for(lambda: setup.poll() is not None, _READY_SECONDS):
        setup.kill()
    if setup.wait() != 0:
        raise SetupError(
            f"Prefect could not be set up; the end of {logs.file('prefect-setup')}:\n{logs.tail('prefect-setup')}"
        )


def _wait_healthy(supervisor: Supervisor, settings: Settings, logs: LogFolder) -> None:
    """Until GET /health is 200. Raises SetupError with what it names as missing."""
    last = "it does not answer"

    def healthy() -> bool:
        nonlocal last
        try:
            answer = httpx2.get(f"{settings.local_url}/health", timeout=10, trust_env=False)
        except httpx2.HTTPError as error:
            last = str(error) or type(error).__name__
            return False
        last = answer.text
        return answer.status_code == 200

    if not supervisor.wait_for(healthy, _READY_SECONDS):
        raise SetupError(f"The stack did not become healthy: {last[:500]}. The logs are in {logs.path}.")


def _wait_worker(supervisor: Supervisor, settings: Settings, since: datetime, logs: LogFolder) -> None:
    """Until this stack's own worker is there: for 90 s Prefect calls one online that was killed with the last stack."""
    server = PrefectApi(settings)

    def there() -> bool:
        try:
            return server.worker_seen_since(since)
        except httpx2.HTTPError:
            return False

    if not supervisor.wait_for(there, _READY_SECONDS):
        raise SetupError(f"The worker did not come up. The end of its log:\n{logs.tail('worker')}")
    server.close()


def _make_secret_key(path: Path) -> bool:
    """Write a new random key to `path` (mode 0600) unless there is one. Returns whether it was made."""
    if path.exists():
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(secrets.token_urlsafe(48) + "\n")
    return True
