"""The courier's child processes: one sender for each orphaned run, at most a few at a time."""

import subprocess
import sys
import time
from uuid import UUID

_MOST = 2
_STOP_SECONDS = 12.0
# A sender that cannot even start (a mail server's address that is wrong) would be started four times a second.
_REST_SECONDS = 10.0


class Children:
    """Senders in processes of their own: a campaign must not hold up what the courier does every moment."""

    def __init__(self) -> None:
        self._running: dict[UUID, subprocess.Popen[bytes]] = {}
        self._rest_until: dict[UUID, float] = {}

    def __len__(self) -> int:
        self._reap()
        return len(self._running)

    def start(self, run_id: UUID, epoch: int) -> bool:
        """Start a sender for the run; returns whether it was started.

        It is not when it has one, when there are enough, and for a while after one of it broke.
        """
        self._reap()
        if run_id in self._running or run_id in self._rest_until or len(self._running) >= _MOST:
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
        now = time.monotonic()
        for run_id, child in list(self._running.items()):
            if child.poll() is not None:
                del self._running[run_id]
                if child.returncode != 0:
                    self._rest_until[run_id] = now + _REST_SECONDS
        self._rest_until = {run_id: until for run_id, until in self._rest_until.items() if until > now}
