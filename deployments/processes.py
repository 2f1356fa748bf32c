"""Processes of a stack: told apart from strangers by pid and start time, or by a mark in their environment."""

import contextlib
import os
import time
from collections.abc import Iterable
from dataclasses import dataclass

import psutil

STACK_VARIABLE = "EXOSEND_STACK_ID"
SERVICE_VARIABLE = "EXOSEND_SERVICE"


@dataclass(frozen=True)
class ProcessIdentity:
    """A process for good: a pid alone may belong to another program by the time it is read."""

    pid: int
    created: float

    @classmethod
    def of(cls, pid: int) -> "ProcessIdentity":
        """The process that has this pid now. Raises psutil.NoSuchProcess."""
        return cls(pid, psutil.Process(pid).create_time())

    @classmethod
    def current(cls) -> "ProcessIdentity":
        """This process."""
        return cls.of(os.getpid())

    def process(self) -> psutil.Process | None:
        """The process, if it still runs."""
        try:
            process = psutil.Process(self.pid)
            # create_time is read in hundredths of a second since boot; the clock's own corrections stay below that.
            same = abs(process.create_time() - self.created) < 1.0
            return process if same and runs(process) else None
        except psutil.Error:
            return None


def runs(process: psutil.Process) -> bool:
    """Whether it is there and no zombie (a container without an init keeps those for ever)."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def marked(stack_id: str, service: str | None = None) -> list[psutil.Process]:
    """All processes started under this stack (of one service of it): flow runs and workers of workers too."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            environment = process.environ()
            if environment.get(STACK_VARIABLE) != stack_id or not runs(process):
                continue
            if service is None or environment.get(SERVICE_VARIABLE) == service:
                found.append(process)
    return found


def send(processes: Iterable[psutil.Process], number: int) -> None:
    """Send a signal to those that are still there."""
    for process in processes:
        with contextlib.suppress(psutil.Error):
            process.send_signal(number)


def wait_gone(processes: Iterable[psutil.Process], seconds: float) -> list[psutil.Process]:
    """Wait until all have ended, at most so long; returns those that have not."""
    left = [process for process in processes if runs(process)]
    deadline = time.monotonic() + seconds
    while left and time.monotonic() < deadline:
        time.sleep(0.05)
        left = [process for process in left if runs(process)]
    return left


def end_processes(processes: Iterable[psutil.Process], *, seconds: float) -> None:
    """SIGTERM, and SIGKILL for what is there after so many seconds."""
    processes = list(processes)
    for process in processes:
        with contextlib.suppress(psutil.Error):
            process.terminate()
    for process in wait_gone(processes, seconds):
        with contextlib.suppress(psutil.Error):
            process.kill()
    wait_gone(processes, 5)
