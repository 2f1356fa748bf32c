"""The processes of a demo: a mail server that logs what it accepts, and a stack of its own on free ports."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx2

from deployments.leftovers import end_stack
from deployments.state import FolderLock, StackState
from models.errors import SetupError

_READY_SECONDS = 240.0
_STOP_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class DemoStack:
    """A running stack. `environment` makes `exosend` commands talk to it."""

    api_url: str
    prefect_url: str
    accept_log: Path
    environment: dict[str, str]


@contextlib.contextmanager
def running_stack(
    data_dir: Path, stopping: Callable[[], object] = lambda: None, **settings: str
) -> Iterator[DemoStack]:
    """A mail server and a stack with these settings, ready to be used; both are ended afterwards, whatever happens.

    `stopping` is called before the stack is ended, which takes some seconds.
    `settings` are those of EXOSEND_*, by their names in lower case.

    Raises SetupError, with the end of its output, when the stack does not come up.
    """
    folder = data_dir / "demo"
    folder.mkdir(parents=True, exist_ok=True)
    accept_log = folder / f"accepted-{time.time_ns()}.jsonl"
    with _mail_server(accept_log) as smtp_port:
        port, prefect_port = _free_ports(2)
        environment = {
            # A demo is the same on every machine: what the operator has set for real is not taken over.
            **{name: value for name, value in os.environ.items() if not name.startswith(("EXOSEND_", "PREFECT_"))},
            "EXOSEND_DATA_DIR": str(data_dir),
            "EXOSEND_PORT": str(port),
            "EXOSEND_PREFECT_PORT": str(prefect_port),
            "EXOSEND_SMTP_URL": f"smtp://127.0.0.1:{smtp_port}",
            **{f"EXOSEND_{name.upper()}": value for name, value in settings.items()},
        }
        stack = DemoStack(f"http://127.0.0.1:{port}", f"http://127.0.0.1:{prefect_port}", accept_log, environment)
        with _stack(stack, folder / "up.log", stopping):
            yield stack


def empty_folder(folder: Path) -> None:
    """Remove the stack of an earlier demo: what an interrupted one left to do would go on in this one's log.

    Raises SetupError when a stack runs on the folder.
    """
    if not folder.exists():
        return
    lock = FolderLock(folder)
    try:
        state = StackState.load(folder)
        if not lock.acquire():
            who = f" (pid {state.supervisor.pid})" if state else ""
            raise SetupError(f"A stack runs on {folder}{who}: stop it first, or choose another --data-dir.")
        if state is not None:
            end_stack(folder, state)
        shutil.rmtree(folder)
    finally:
        lock.release()


@contextlib.contextmanager
def _mail_server(accept_log: Path) -> Iterator[int]:
    command = [sys.executable, "-m", "deployments.sink", "--port", "0", "--log", str(accept_log)]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True)
    try:
        assert server.stdout is not None
        line = server.stdout.readline()  # "listening on 127.0.0.1:PORT", or nothing when it could not start
        if not line:
            raise SetupError("The demo's mail server did not start.")
        yield int(line.rsplit(":", 1)[1])
    finally:
        _end(server, signal.SIGTERM)


@contextlib.contextmanager
def _stack(stack: DemoStack, log: Path, stopping: Callable[[], object]) -> Iterator[None]:
    with log.open("w") as output:
        up = subprocess.Popen(
            [sys.executable, "-m", "deployments.cli", "up"],
            env=stack.environment,
            stdout=output,
            stderr=output,
            stdin=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C reaches the demo, which then stops the stack in order
        )
        try:
            _wait_ready(stack, up, log)
            yield
        finally:
            stopping()
            _end(up, signal.SIGINT)


def _wait_ready(stack: DemoStack, up: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + _READY_SECONDS
    answer = "it does not answer"
    while time.monotonic() < deadline:
        if up.poll() is not None:
            raise SetupError(f"The stack did not start:\n{_tail(log)}")
        try:
            response = httpx2.get(f"{stack.api_url}/health", timeout=10, trust_env=False)
        except httpx2.HTTPError as error:
            answer = type(error).__name__
        else:
            if response.status_code == 200:
                return
            answer = response.text
        time.sleep(0.2)
    raise SetupError(f"The stack was not ready after {_READY_SECONDS:.0f} s: {answer[:300]}\n{_tail(log)}")


def _end(process: subprocess.Popen[str] | subprocess.Popen[bytes], number: int) -> None:
    if process.poll() is None:
        process.send_signal(number)
    try:
        process.wait(timeout=_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    if process.stdout is not None:
        process.stdout.close()


def _free_ports(count: int) -> list[int]:
    """Ports that nobody has. All are held until the last is found, so that they differ."""
    with contextlib.ExitStack() as held:
        probes = [held.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in probes]


def _tail(log: Path) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-15:])
