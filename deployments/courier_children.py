"""The courier's child processes: one sender for each orphaned run, at most a few at a time."""

import subprocess
import sys
from uuid import UUID

_MOST = 2
_STOP_SECONDS = 12.0


class Children:
    """Senders in processes of their own: a campaign must not hold up what the courier does every moment."""

    def __init__(self) -> None:
        self._running: dict[UUID, subprocess.Popen[bytes]] = {}

    def __len__(self) -> int:
        self._reap()
        return len(self._running)

    def start(self, run_id: UUID, epoch: int) -> bool:
        """Start a sender for the run unless it has one, or there are enough; returns whether it was started."""
        self._reap()
        if run_id in self._running or len(self._running) >= _MOST:
            return False
        command = [sys.executable, "-m", "deployments.drainer", str(run_id), str(epoch)]
        self._running[run_id] = subprocess.Popen(command)
        return True

    def end(self) -> None:
        """Ask all to end and wait; kill what does not."""
        for child in self._running.values():
            child.terminate()
        for child in self._running.values():
            try:
                child.wait(timeout=_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()

    def _reap(self) -> None:
        self._running = {run_id: child for run_id, child in self._running.items() if child.poll() is None}
