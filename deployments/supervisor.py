"""Runs the services of a stack as children: each in its own session, restarted when it dies, stopped in order."""

import contextlib
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

from deployments.leftovers import end_service
from deployments.logs import LogFolder
from deployments.processes import SERVICE_VARIABLE, STACK_VARIABLE, ProcessIdentity, end_processes, marked
from deployments.state import FolderLock, ServiceRecord, StackState
from models.errors import SetupError

PROJECT = Path(__file__).parent.parent
"""Where the packages lie: the children's working directory, so that no other `flows` or `api` is found first."""

_FIRST_RESTART_SECONDS = 1.0
_SLOWEST_RESTART_SECONDS = 30.0
_STEADY_SECONDS = 60.0  # so long without dying, and the back-off begins anew
_HOPELESS_FAILURES = 4  # seven seconds after the first one
_ROTATE_SECONDS = 60.0
_LOOK_SECONDS = 10.0


class Stopping(Exception):
    """Somebody asked the stack to stop while it was starting."""


@dataclass(frozen=True)
class Service:
    """A program that runs as long as the stack does."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    stop_order: int
    stop_signal: int = signal.SIGTERM
    stop_seconds: float = 10.0
    signal_all: bool = False
    """Send the stop signal to its descendants as well (a worker does not pass it on to its flow runs)."""
    descendants_stay: bool = False
    """Leave its descendants alone when it dies and is restarted: they work on."""
    before_restart: Callable[[], object] = field(default=lambda: None)
    hangs: Callable[[], bool] = field(default=lambda: False)
    """Whether it has to be killed and restarted though it runs; asked every 10 s."""


@dataclass
class _Child:
    service: Service
    process: subprocess.Popen[bytes]
    identity: ProcessIdentity
    started: float
    failures: int = 0
    restart_at: float | None = None


class Supervisor:
    """The children of one stack. Use as a context manager: leaving it stops them all, whatever happened."""

    def __init__(
        self, data_dir: Path, state: StackState, lock: FolderLock, logs: LogFolder, report: Callable[[str], None]
    ) -> None:
        self.state = state
        self.stop_requested = threading.Event()
        self._data_dir = data_dir
        self._lock = lock
        self._logs = logs
        self._report = report
        self._children: dict[str, _Child] = {}
        self._watchdog: subprocess.Popen[bytes] | None = None
        self._rotated = time.monotonic()
        self._looked = time.monotonic()
        self._handlers: dict[int, Callable[[int, FrameType | None], Any] | int | None] = {}

    def __enter__(self) -> "Supervisor":
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            if number == signal.SIGHUP and signal.getsignal(number) is signal.SIG_IGN:
                continue  # started with nohup: a closed terminal is no reason to stop
            self._handlers[number] = signal.signal(number, self._on_signal)
        self.state.save(self._data_dir)
        self._start_watchdog()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        for number, handler in self._handlers.items():
            signal.signal(number, handler)

    def start(self, service: Service) -> None:
        """Start a service for good: from now on it is restarted when it dies."""
        self.check_stop()
        process = self._spawn(service.name, service.command, service.environment)
        identity = ProcessIdentity.of(process.pid)
        self._children[service.name] = _Child(service, process, identity, time.monotonic())
        self._record()

    def begin(self, name: str, command: Sequence[str], environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
        """Start a program that ends by itself. It is not restarted; it is ended when the stack stops before it."""
        self.check_stop()
        return self._spawn(name, command, environment)

    def alive(self, name: str) -> bool:
        """Whether the service's process runs at this moment."""
        child = self._children.get(name)
        return child is not None and child.process.poll() is None

    def check_stop(self) -> None:
        """Raises Stopping once somebody has asked the stack to stop."""
        if self.stop_requested.is_set():
            raise Stopping

    def wait_for(self, condition: Callable[[], bool], seconds: float) -> bool:
        """Wait for a condition of the start while looking after the children; returns False when time is over.

        Raises Stopping, and SetupError once a service has died so often that it will not come up by waiting.
        """
        deadline = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > deadline:
                return False
            self.stop_requested.wait(0.1)
            self.check_stop()
            self.tend()
            self._check_hopeless()
        return True

    def run(self) -> None:
        """Look after the children until somebody asks the stack to stop."""
        while not self.stop_requested.wait(0.2):
            self.tend()

    def tend(self) -> None:
        """Restart who has died, later and later; kill who hangs; keep the logs short."""
        now = time.monotonic()
        if now - self._looked > _LOOK_SECONDS:
            self._looked = now
            self._kill_hanging()
        for child in self._children.values():
            if child.restart_at is not None:
                if now >= child.restart_at:
                    self._restart(child)
            elif child.process.poll() is not None:
                self._plan_restart(child, now)
        if self._watchdog is not None and self._watchdog.poll() is not None:
            self._start_watchdog()
        if now - self._rotated > _ROTATE_SECONDS:
            self._rotated = now
            self._logs.rotate()

    def stop(self) -> None:
        """Stop all services in their order. A second Ctrl-C meanwhile changes nothing."""
        self.stop_requested.set()
        for record in self._records():
            patience = f" (up to {record.stop_seconds:.0f} s, for what it has in hand)" if record.signal_all else ""
            self._report(f"stopping {record.name}{patience}")
            end_service(self.state.stack_id, record)
        for child in self._children.values():
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.process.wait(5)
        end_processes(marked(self.state.stack_id), seconds=2)
        StackState.forget(self._data_dir)
        if self._watchdog is not None and self._watchdog.stdin is not None:
            self._watchdog.stdin.close()
            self._watchdog.wait(10)

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        # Nothing is printed here: the signal may have come in the middle of a print.
        self.stop_requested.set()

    def _check_hopeless(self) -> None:
        for name, child in self._children.items():
            if child.failures >= _HOPELESS_FAILURES:
                raise SetupError(f"{name} does not start. The end of {self._logs.file(name)}:\n{self._logs.tail(name)}")

    def _kill_hanging(self) -> None:
        for child in self._children.values():
            if child.restart_at is None and child.process.poll() is None and child.service.hangs():
                name = child.service.name
                self._report(f"{name} runs and serves nobody; it is killed (see {self._logs.file(name)})")
                child.process.kill()

    def _plan_restart(self, child: _Child, now: float) -> None:
        child.failures = 1 if now - child.started > _STEADY_SECONDS else child.failures + 1
        delay = min(_FIRST_RESTART_SECONDS * 2 ** (child.failures - 1), _SLOWEST_RESTART_SECONDS)
        child.restart_at = now + delay
        name, code = child.service.name, child.process.returncode
        how = f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with code {code}"
        self._report(f"{name} {how}; restart in {delay:.0f} s (see {self._logs.file(name)})")

    def _restart(self, child: _Child) -> None:
        if not child.service.descendants_stay:  # an orphaned worker of the API would still hold the port
            end_processes(marked(self.state.stack_id, child.service.name), seconds=2)
        child.service.before_restart()
        child.process = self._spawn(child.service.name, child.service.command, child.service.environment)
        child.identity = ProcessIdentity.of(child.process.pid)
        child.started = time.monotonic()
        child.restart_at = None
        self._record()
        self._report(f"{child.service.name} restarted (pid {child.process.pid})")

    def _spawn(self, name: str, command: Sequence[str], environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
        marked_environment = {**environment, STACK_VARIABLE: self.state.stack_id, SERVICE_VARIABLE: name}
        with self._logs.open(name) as log:
            return subprocess.Popen(
                command,
                env=marked_environment,
                cwd=PROJECT,
                start_new_session=True,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def _records(self) -> list[ServiceRecord]:
        children = sorted(self._children.values(), key=lambda child: child.service.stop_order)
        return [
            ServiceRecord(
                child.service.name,
                child.identity,
                child.service.stop_signal,
                child.service.stop_seconds,
                child.service.signal_all,
            )
            for child in children
        ]

    def _record(self) -> None:
        self.state.services = self._records()
        self.state.save(self._data_dir)

    def _start_watchdog(self) -> None:
        with self._logs.open("watchdog") as log:
            self._watchdog = subprocess.Popen(
                [sys.executable, "-m", "deployments.watchdog", str(self._data_dir)],
                cwd=PROJECT,
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                start_new_session=True,
                pass_fds=[self._lock.fileno()],
            )
