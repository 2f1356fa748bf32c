"""The most memory that any one process of a stack has, while something goes on."""

import contextlib
import threading
from collections.abc import Iterator
from pathlib import Path

import psutil

from deployments.forked import NAME
from deployments.processes import SERVICE_VARIABLE, STACK_VARIABLE

_EVERY_SECONDS = 0.25
POSTGRES = "postgres"


class PeakMemory:
    """Looks four times a second at every process of a stack and of its Postgres.

    Of Postgres's processes only what is private counts: its shared buffers are one piece of memory, which each of them
    is said to have. Of the others the kernel's own record of the most that was resident, which misses nothing between
    two looks and counts shared pages in full.
    """

    def __init__(self, stack_id: str, postmaster: int) -> None:
        self.peaks: dict[str, int] = {}
        """In bytes, by kind of process: api, courier, flow, worker, postgres …"""
        self._stack_id = stack_id
        self._postmaster = postmaster
        self._kinds: dict[tuple[int, float], str | None] = {}
        self._stopped = threading.Event()

    @contextlib.contextmanager
    def watching(self) -> Iterator[None]:
        """Watch within the block."""
        thread = threading.Thread(target=self._look, name="memory", daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._stopped.set()
            thread.join()

    def _look(self) -> None:
        while not self._stopped.wait(_EVERY_SECONDS):
            for process in psutil.process_iter():
                with contextlib.suppress(psutil.Error, OSError):
                    kind = self._kind(process)
                    if kind is not None:
                        self.peaks[kind] = max(self.peaks.get(kind, 0), _memory(process.pid, kind))

    def _kind(self, process: psutil.Process) -> str | None:
        key = (process.pid, process.create_time())
        if key not in self._kinds:
            self._kinds[key] = self._read_kind(process)
        return self._kinds[key]

    def _read_kind(self, process: psutil.Process) -> str | None:
        if self._postmaster in (process.pid, process.ppid()):
            return POSTGRES
        environment = process.environ()
        if environment.get(STACK_VARIABLE) != self._stack_id:
            return None
        return "flow" if process.name() == NAME else environment.get(SERVICE_VARIABLE)


def _memory(pid: int, kind: str) -> int:
    """Bytes."""
    file, names = ("smaps_rollup", ("Private_Clean", "Private_Dirty")) if kind == POSTGRES else ("status", ("VmHWM",))
    fields = (line.partition(":") for line in Path(f"/proc/{pid}/{file}").read_text().splitlines())
    return sum(int(value.split()[0]) * 1024 for name, _, value in fields if name in names)
