"""Ends a stack whose supervisor is gone: `python -m deployments.watchdog DATA_DIR`, started by the supervisor.

Its standard input is a pipe from the supervisor. The pipe ends when the supervisor does, however it ended. A
death signal (prctl) would reach the direct children only, at once and in no order; the processes of flow runs
are the worker's children, and need some seconds to give back what they hold.
"""

import signal
import sys
from pathlib import Path

from deployments.leftovers import end_stack
from deployments.processes import wait_gone
from deployments.state import StackState

_DYING_SECONDS = 10.0


def watch(data_dir: Path) -> None:
    """Wait for the supervisor's end; then end what it left, unless it has stopped everything itself."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    sys.stdin.buffer.read()
    state = StackState.load(data_dir)
    if state is None:
        return
    # The kernel closes a dying process's pipes before it takes the process itself away.
    if (supervisor := state.supervisor.process()) is not None and wait_gone([supervisor], _DYING_SECONDS):
        return
    end_stack(data_dir, state)
    StackState.forget(data_dir)


if __name__ == "__main__":
    watch(Path(sys.argv[1]))
