"""The preloader's own life: what it refuses, whom it outlives, and that its children do not outlive it."""

import os
import signal
import socket as sockets
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from deployments.flow_request import LENGTH, READY, REFUSED, REQUEST_MAX, FlowRequest, connect
from deployments.preloaded import load
from deployments.processes import SERVICE_VARIABLE, STACK_VARIABLE, marked, wait_gone
from tests.support.preloaders import PROJECT, engine_that_says_so, finish, launch, preloader
from tests.support.stack import wait_for

_SAYS_PID_AND_WAITS = "import os, signal; print(os.getpid(), flush=True); signal.pause()"
_SAYS_PID_AND_READS = "import os; print(os.getpid(), flush=True); print(input(), flush=True)"


def _flow(launcher: subprocess.Popen[str]) -> psutil.Process:
    assert launcher.stdout is not None
    return psutil.Process(int(launcher.stdout.readline()))


def test_a_process_with_threads_does_not_fork(tmp_path: Path) -> None:
    thread = "import threading, time; threading.Thread(target=time.sleep, args=(600,), daemon=True).start()"
    engine = engine_that_says_so(tmp_path)
    with preloader(tmp_path / "p" / "socket", at_load=thread):
        assert finish(launch(tmp_path / "p" / "socket", "print('forked')", engine=engine)) == (0, "engine\n", "")


def test_a_launcher_that_comes_early_waits(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "go")
    with preloader(tmp_path / "p" / "socket", at_load=f"open({str(tmp_path / 'go')!r}).read()"):
        launcher = launch(tmp_path / "p" / "socket", "print('forked')", engine=engine_that_says_so(tmp_path))
        (tmp_path / "go").write_text("")
        assert finish(launcher) == (0, "forked\n", "")


def test_its_death_kills_flows_and_launchers(tmp_path: Path) -> None:
    with preloader(tmp_path / "p" / "socket") as process:
        launcher = launch(tmp_path / "p" / "socket", _SAYS_PID_AND_WAITS)
        flow = _flow(launcher)
        process.kill()
        assert finish(launcher)[0] == -signal.SIGKILL
        assert wait_gone([flow], 10) == []


@pytest.mark.parametrize("how", ["the worker ends", "SIGTERM"])
def test_when_it_is_to_end_it_takes_nothing_more_and_waits_for_what_runs(tmp_path: Path, how: str) -> None:
    path = tmp_path / "p" / "socket"
    with preloader(path) as process:
        launcher = launch(path, _SAYS_PID_AND_READS)
        _flow(launcher)
        assert process.stdin is not None
        process.stdin.close() if how == "the worker ends" else process.terminate()
        wait_for("the socket's end", lambda: not path.exists(), 10)
        assert finish(launch(path, "", engine=engine_that_says_so(tmp_path)))[1] == "engine\n"
        assert process.poll() is None
        assert launcher.communicate("said\n", timeout=10) == ("said\n", "")
        assert launcher.returncode == 0
        assert process.wait(10) == 0


def test_the_next_one_takes_its_place_while_it_finishes(tmp_path: Path) -> None:
    path = tmp_path / "p" / "socket"
    with preloader(path) as first:
        launcher = launch(path, _SAYS_PID_AND_READS)
        _flow(launcher)
        inode = path.stat().st_ino
        with preloader(path):
            wait_for("its socket", lambda: path.stat().st_ino != inode, 20)
            assert first.stdin is not None
            first.stdin.close()
            assert finish(launch(path, "print('forked')"))[1] == "forked\n"
            launcher.communicate("\n", timeout=10)
            assert first.wait(10) == 0
            assert finish(launch(path, "print('forked')"))[1] == "forked\n"


def test_the_socket_of_a_deep_data_folder_is_for_its_user_alone(tmp_path: Path) -> None:
    path = tmp_path / ("deep" * 30) / "p" / "socket"
    with preloader(path):
        assert path.stat().st_mode & 0o777 == 0o600
        assert path.parent.stat().st_mode & 0o777 == 0o700
        assert finish(launch(path, "print('forked')"))[1] == "forked\n"


def test_bad_requests_are_refused_and_change_nothing(tmp_path: Path) -> None:
    path = tmp_path / "p" / "socket"
    request = FlowRequest(b"/", {b"A": b"b"}).encode()
    with preloader(path):
        for bad in (request, LENGTH.pack(REQUEST_MAX + 1), LENGTH.pack(3) + b"/\0A", request + request):
            with connect(str(path)) as connection:
                assert connection.recv(1) == READY
                sockets.send_fds(connection, [bad], [] if bad is request else [0, 1, 2])
                assert connection.recv(1) == REFUSED
                assert connection.recv(1) == b""
        with connect(str(path)) as silent, connect(str(path)) as half:
            assert (silent.recv(1), half.recv(1)) == (READY, READY)
            half.send(request[:7])
            assert finish(launch(path, "print('forked')"))[1] == "forked\n"
            # After its time, and not before.
            assert (silent.recv(1), half.recv(1)) == (REFUSED, REFUSED)


def test_flows_and_preloader_are_known_by_the_stacks_mark(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(STACK_VARIABLE, tmp_path.name)
    monkeypatch.setenv(SERVICE_VARIABLE, "preloader")
    with preloader(tmp_path / "p" / "socket") as process:
        monkeypatch.setenv(SERVICE_VARIABLE, "worker")
        with launch(tmp_path / "p" / "socket", _SAYS_PID_AND_WAITS) as launcher:
            flow = _flow(launcher)
            assert {one.pid for one in marked(tmp_path.name)} == {process.pid, launcher.pid, flow.pid}
            # A signal to all of the worker reaches the flow once: through its launcher.
            assert {one.pid for one in marked(tmp_path.name, "worker")} == {launcher.pid}
            launcher.kill()


def test_what_is_preloaded_starts_no_thread_and_leaves_little_to_import(tmp_path: Path) -> None:
    assert load.__doc__
    code = (
        "import sys; from deployments import preloaded; from deployments.forking import single_threaded;"
        "preloaded.load(); assert single_threaded(); before = set(sys.modules); assert 'polars' not in before;"
        "import flows.send_campaign, flows.send_bulk, flows.import_contacts;"
        "print(*{name.partition('.')[0] for name in set(sys.modules) - before})"
    )
    environment = {**os.environ, "PREFECT_HOME": str(tmp_path)}
    said = subprocess.run(
        [sys.executable, "-c", code], env=environment, cwd=PROJECT, capture_output=True, text=True, check=True
    ).stdout
    assert set(said.split()) <= {"polars", "_polars_runtime_32", "pyarrow", "flows", "models", "tasks"}
