"""`exosend serve`: one service alone, which ends as it is told and takes its descendants with it."""

import os
import signal
import subprocess
import sys
import time

import pytest

from deployments.commands.serve import _run
from deployments.supervisor import Service
from models.session import Database, Role
from models.settings import Settings
from models.store.heartbeats import last_seen

_PARENT = """
import signal, subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", {child!r}])
print(child.pid, flush=True)
signal.signal(signal.SIGTERM, lambda *_: None)
child.wait()
"""
_CHILD = """
import pathlib, signal, sys, time
def end(*_):
    pathlib.Path({file!r}).write_text("told")
    sys.exit()
signal.signal(signal.SIGTERM, end)
pathlib.Path({file!r}).write_text("ready")
time.sleep(60)
"""


def test_the_courier_alone_works_and_ends_by_sigterm_with_0(settings: Settings) -> None:
    address, _, rest = str(settings.database_url).partition("//")
    without_password = f"{address}//{rest.rpartition('@')[2]}"
    environment = {
        **os.environ,
        "EXOSEND_DATABASE_URL": without_password,
        "EXOSEND_SECRET_KEY": settings.secret_key.get_secret_value(),  # type: ignore[union-attr]
        "EXOSEND_DATA_DIR": str(settings.data_dir),
        "EXOSEND_PREFECT_API_URL": "http://127.0.0.1:9/api",  # nothing listens there
    }
    command = [sys.executable, "-m", "deployments.cli", "serve", "courier"]
    database = Database(settings, Role.ENGINE)
    process = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)
    try:
        _wait(lambda: _beats(database))
        process.terminate()
        assert process.wait(timeout=60) == 0
        assert not _beats(database)
    finally:
        process.kill()
        process.wait()
        database.close()


def test_what_a_service_started_is_told_too_and_has_time_to_end(tmp_path) -> None:
    file = tmp_path / "state"
    parent = _PARENT.format(child=_CHILD.format(file=str(file)))
    service = f"Service('worker', [sys.executable, '-c', {parent!r}], os.environ, 1, signal_all=True)"
    program = f"""
import os, sys
from deployments.commands.serve import _run
from deployments.supervisor import Service
sys.exit(_run({service}))
"""
    process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.DEVNULL)
    try:
        _wait(lambda: file.exists() and file.read_text() == "ready")
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=60) == 0
        assert file.read_text() == "told"
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize(("end", "code"), [("sys.exit(3)", 3), ("os.kill(os.getpid(), 9)", 137)])
def test_a_service_that_ends_by_itself_gives_its_exit_code(end: str, code: int) -> None:
    service = Service("api", [sys.executable, "-c", f"import os, sys; {end}"], os.environ, 1)
    before = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)]
    try:
        assert _run(service) == code
    finally:
        for number, handler in zip((signal.SIGTERM, signal.SIGINT), before, strict=True):
            signal.signal(number, handler)


def test_without_a_prefect_server_it_says_what_to_set(tmp_path) -> None:
    command = [sys.executable, "-m", "deployments.cli", "serve", "worker"]
    environment = {**os.environ, "EXOSEND_DATA_DIR": str(tmp_path)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert "EXOSEND_PREFECT_API_URL" in done.stderr


def _beats(database: Database) -> bool:
    with database.transaction(None) as session:
        return last_seen(session, "courier") is not None


def _wait(condition) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)
