"""Keeps a preloader running beside a worker, in a thread of the worker's process."""

import logging
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

from deployments.flow_request import SOCKET_VARIABLE
from deployments.processes import SERVICE_VARIABLE

SERVICE = "preloader"
"""Its own name among the stack's processes: what stops the worker signals all processes of the worker, and a flow's
process must get a signal once, from its launcher."""

_FIRST_RESTART_SECONDS = 1.0
_SLOWEST_RESTART_SECONDS = 60.0
_STEADY_SECONDS = 60.0


def keep_preloader(path: Path) -> None:
    """Start a preloader at that socket and name it to the flow runs' launchers; restart it when it dies.

    It ends with this process, after the last flow run that it forked.
    """
    if not sys.platform.startswith("linux"):
        return
    os.environ[SOCKET_VARIABLE] = str(path)
    threading.Thread(target=_keep, args=(path,), name=SERVICE, daemon=True).start()


def _keep(path: Path) -> None:
    delay = _FIRST_RESTART_SECONDS
    while True:
        started = time.monotonic()
        ended = _run(path)
        if time.monotonic() - started > _STEADY_SECONDS:
            delay = _FIRST_RESTART_SECONDS
        logging.getLogger(__name__).warning("The preloader %s; restart in %.0f s", ended, delay)
        time.sleep(delay)
        delay = min(2 * delay, _SLOWEST_RESTART_SECONDS)


def _run(path: Path) -> str:
    try:
        with subprocess.Popen(
            [sys.executable, "-m", "deployments.preloader", str(path)],
            env={**os.environ, SERVICE_VARIABLE: SERVICE},
            stdin=subprocess.PIPE,  # never written to: its end tells the preloader that this process has ended
            start_new_session=True,
        ) as process:
            return f"ended with {process.wait()}"
    except OSError as error:  # no memory, or too many processes
        return f"could not be started ({error.strerror})"
