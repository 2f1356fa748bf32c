"""`exosend up` as a whole: everything comes up, a second one keeps off, and nothing outlives it, however it ends."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import psutil
import pytest

from deployments.processes import marked
from deployments.state import StackState

pytestmark = pytest.mark.timeout(600)


@contextmanager
def _up(folder: Path, port: int, prefect_port: int) -> Iterator[subprocess.Popen[str]]:
    """`exosend up`, and what it says on its stderr."""
    command = [sys.executable, "-m", "deployments.cli", "up", "--data-dir", str(folder), "--port", str(port)]
    command += ["--prefect-port", str(prefect_port)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, start_new_session=True) as process:
        try:
            yield process
        finally:
            process.send_signal(signal.SIGTERM)


def _ready(process: subprocess.Popen[str]) -> str:
    """All that was said until everything runs."""
    said = []
    assert process.stderr is not None
    for line in process.stderr:
        said.append(line)
        if "logs:" in line:
            return "".join(said)
    raise AssertionError("".join(said))


def _health(port: int) -> dict[str, Any]:
    answer = httpx2.get(f"http://127.0.0.1:{port}/health", timeout=20, trust_env=False)
    return {"status_code": answer.status_code, **answer.json()}


def _free_ports() -> tuple[int, int]:
    with socket.create_server(("127.0.0.1", 0)) as first, socket.create_server(("127.0.0.1", 0)) as second:
        return first.getsockname()[1], second.getsockname()[1]


def _state(folder: Path) -> StackState:
    state = StackState.load(folder)
    assert state is not None
    return state


def test_the_stack_comes_up_survives_a_kill_and_stops_without_orphans(tmp_path: Path) -> None:
    ports = _free_ports()
    with _up(tmp_path, *ports) as first:
        said = _ready(first)
        assert f"API: http://127.0.0.1:{ports[0]}" in said
        health = _health(ports[0])
        assert (health["status_code"], health["missing"]) == (200, [])
        assert (tmp_path / "secret.key").stat().st_mode & 0o777 == 0o600
        state = _state(tmp_path)
        assert [service.name for service in state.services] == ["api", "courier", "worker", "prefect", "postgres"]

        with _up(tmp_path, *_free_ports()) as second:
            assert second.wait(60) == 1
            assert second.stderr is not None
            assert f"(pid {first.pid}, API on port {ports[0]}, " in second.stderr.read()
        assert _health(ports[0])["status_code"] == 200

        # Killed together with what would have cleaned up after it.
        for child in psutil.Process(first.pid).children():
            if "deployments.watchdog" in child.cmdline():
                child.kill()
        first.kill()
        first.wait()

    with _up(tmp_path, *ports) as third:
        said = _ready(third)
        assert f"the last stack here (pid {first.pid}) was killed" in said
        assert marked(state.stack_id) == []
        assert _health(ports[0])["status_code"] == 200
        restarted = _state(tmp_path)

        # A key pressed twice, in the middle of stopping.
        os.kill(third.pid, signal.SIGINT)
        assert third.stderr is not None
        assert "stopping api" in third.stderr.readline()
        os.kill(third.pid, signal.SIGINT)
        assert third.wait(60) == 0
        assert third.stderr.read().endswith("stopped\n")
    assert marked(restarted.stack_id) == []
    assert [service.name for service in restarted.services if service.process.process()] == []
    assert StackState.load(tmp_path) is None
