"""The courier's child processes: one sender for each orphaned run, a few at a time, one for all paced runs, set-up."""

import subprocess
import sys
import time
from collections.abc import Mapping

DRAINER = "deployments.drainer"
PACER = "deployments.pacer"
SETUP = "deployments.prefect_setup"

_MOST = {DRAINER: 2, PACER: 1, SETUP: 1}
_QUIET = {SETUP}  # it draws boxes
_STOP_SECONDS = 12.0
# A sender that cannot even start (a mail server's address that is wrong) would be started four times a second.
_REST_SECONDS = 10.0


_Key = tuple[str, ...]


class Children:
    """Senders in processes of their own: a campaign must not hold up what the courier does every moment."""

    def __init__(self) -> None:
        self._running: dict[_Key, subprocess.Popen[bytes]] = {}
        self._rest_until: dict[_Key, float] = {}

    def __len__(self) -> int:
        self._reap()
        return len(self._running)

    def start(self, module: str, *arguments: str, environment: Mapping[str, str] | None = None) -> bool:
        """Start a child, of which there is one for each first argument; returns whether it was started.

        `environment`: another one than the courier's own.

        It is not when there is that one, when there are enough of the module, and for a while after that one broke.
        """
        self._reap()
        key = (module, *arguments[:1])
        running = sum(of == module for of, *_ in self._running)
        if key in self._running or key in self._rest_until or running >= _MOST[module]:
            return False
        output = subprocess.DEVNULL if module in _QUIET else None
        command = [sys.executable, "-m", module, *arguments]
        self._running[key] = subprocess.Popen(command, env=environment, stdout=output)
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
        for key, child in list(self._running.items()):
            if child.poll() is not None:
                del self._running[key]
                if child.returncode != 0:
                    self._rest_until[key] = now + _REST_SECONDS
        self._rest_until = {key: until for key, until in self._rest_until.items() if until > now}
