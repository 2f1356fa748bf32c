"""Supervision of children: restarts, order, and nothing left behind, even by a supervisor that was killed."""

import dataclasses
import fcntl
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from deployments.leftovers import end_stack
from deployments.logs import LogFolder
from deployments.processes import ProcessIdentity, marked, wait_gone
from deployments.state import FolderLock, StackState
from deployments.supervisor import Service, Supervisor
from models.errors import SetupError

# A service whose own child is in another session, as a worker's flow runs are.
_PARENT = "import subprocess, time; subprocess.Popen(['sleep', '600'], start_new_session=True); time.sleep(600)"
_STUBBORN = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(600)"
)


class _Stack:
    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir
        self.said: list[str] = []
        self.logs = LogFolder(data_dir)
        self.state = StackState("test-" + data_dir.name, ProcessIdentity.current(), 1, 2, "http://127.0.0.1:2/api")
        self.lock = FolderLock(data_dir)
        self.supervisor = Supervisor(data_dir, self.state, self.lock, self.logs, self.said.append)


def _python(name: str, code: str, order: int = 1, *, seconds: float = 10) -> Service:
    return Service(name, [sys.executable, "-c", code], dict(os.environ), stop_order=order, stop_seconds=seconds)


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[_Stack]:
    stack = _Stack(tmp_path)
    yield stack
    stack.lock.release()
    assert marked(stack.state.stack_id) == []


def test_a_child_that_dies_is_restarted_and_reported(stack: _Stack) -> None:
    with stack.supervisor as supervisor:
        supervisor.start(_python("sleeper", "import time; time.sleep(600)"))
        first = supervisor.state.services[0].process
        os.kill(first.pid, signal.SIGKILL)
        assert supervisor.wait_for(lambda: any("restarted" in line for line in stack.said), 20)
        assert supervisor.state.services[0].process != first
    assert any("was ended by SIGKILL; restart in 1 s" in line for line in stack.said)


def test_a_child_that_runs_and_hangs_is_killed_restarted_and_reported(stack: _Stack, monkeypatch) -> None:
    monkeypatch.setattr("deployments.supervisor._LOOK_SECONDS", 0.0)
    sleeper = _python("sleeper", "import time; time.sleep(600)")
    with stack.supervisor as supervisor:
        supervisor.start(dataclasses.replace(sleeper, hangs=lambda: not stack.said))
        first = supervisor.state.services[0].process
        assert supervisor.wait_for(lambda: any("restarted" in line for line in stack.said), 20)
        assert supervisor.state.services[0].process != first
    assert [line.partition(" (see")[0] for line in stack.said[:2]] == [
        "sleeper runs and serves nobody; it is killed",
        "sleeper was ended by SIGKILL; restart in 1 s",
    ]


def test_a_child_that_never_comes_up_ends_the_start_with_the_end_of_its_log(stack: _Stack) -> None:
    def never() -> bool:
        return False

    with stack.supervisor as supervisor:
        supervisor.start(_python("broken", "raise SystemExit('no such table')"))
        with pytest.raises(SetupError, match=r"broken does not start[\s\S]*no such table"):
            supervisor.wait_for(never, 60)
    assert [line for line in stack.said if "restart in" in line][2].endswith(
        f"restart in 4 s (see {stack.logs.file('broken')})"
    )


def test_services_stop_in_their_order_with_all_their_descendants(stack: _Stack) -> None:
    with stack.supervisor as supervisor:
        supervisor.start(_python("database", _PARENT, 2))
        supervisor.start(_python("api", _PARENT, 1))
        assert supervisor.wait_for(lambda: len(marked(stack.state.stack_id)) == 4, 20)
    assert [line.split()[1] for line in stack.said] == ["api", "database"]
    assert StackState.load(stack.data_dir) is None


def test_what_does_not_stop_in_time_is_killed(stack: _Stack) -> None:
    with stack.supervisor as supervisor:
        supervisor.start(_python("stubborn", _STUBBORN, seconds=0.2))
        assert supervisor.wait_for(lambda: "up" in stack.logs.tail("stubborn"), 20)
    assert marked(stack.state.stack_id) == []


def test_the_state_of_a_stack_survives_a_round_trip_and_is_private(tmp_path: Path) -> None:
    state = StackState("id", ProcessIdentity.current(), 8000, 4200, "http://127.0.0.1:4200/api")
    state.save(tmp_path)
    assert StackState.load(tmp_path) == state
    assert (tmp_path / "stack.json").stat().st_mode & 0o777 == 0o600
    assert state.runs()


def test_a_pid_that_now_belongs_to_another_process_is_not_taken_for_the_old_one() -> None:
    mine = ProcessIdentity.current()
    assert mine.process() is not None
    assert ProcessIdentity(mine.pid, mine.created - 3600).process() is None


_SUPERVISE = """
import os, sys
from pathlib import Path
from deployments.logs import LogFolder
from deployments.processes import ProcessIdentity
from deployments.state import FolderLock, StackState
from deployments.supervisor import Service, Supervisor
folder = Path(sys.argv[1])
lock = FolderLock(folder)
assert lock.acquire()
state = StackState(sys.argv[2], ProcessIdentity.current(), 1, 2, "")
with Supervisor(folder, state, lock, LogFolder(folder), print) as supervisor:
    supervisor.start(Service("worker", [sys.executable, "-c", sys.argv[3]], dict(os.environ), stop_order=1))
    print("up", flush=True)
    supervisor.run()
"""


def _killed_supervisor(folder: Path, stack_id: str, *, with_watchdog: bool) -> None:
    """Start a supervisor with a service and its descendant, and kill it with SIGKILL."""
    process = subprocess.Popen(
        [sys.executable, "-c", _SUPERVISE, str(folder), stack_id, _PARENT], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    with process, process.stdout:
        assert process.stdout.readline() == "up\n"
        children = psutil.Process(process.pid).children()
        if with_watchdog:
            for child in children:
                if "deployments.watchdog" in child.cmdline():
                    child.kill()
        process.kill()


def test_a_killed_supervisor_takes_its_children_and_theirs_with_it(tmp_path: Path) -> None:
    _killed_supervisor(tmp_path, "killed-alone", with_watchdog=False)
    assert wait_gone(marked("killed-alone"), 30) == []
    with (tmp_path / "lock").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # the watchdog holds it until it has finished
    assert StackState.load(tmp_path) is None


def test_what_a_killed_supervisor_and_its_watchdog_left_is_ended_by_its_record(tmp_path: Path) -> None:
    _killed_supervisor(tmp_path, "killed-both", with_watchdog=True)
    state = StackState.load(tmp_path)
    assert state is not None
    assert not state.runs()
    assert marked("killed-both") != []
    assert end_stack(tmp_path, state) == 1
    assert marked("killed-both") == []
