"""A launcher and the process that the preloader forks for it: one process to whoever started the launcher."""

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from deployments.forked import NAME
from deployments.processes import wait_gone
from tests.support.preloaders import engine_that_says_so, finish, launch, preloader

_SAYS_PID_AND_WAITS = "import os, signal; print(os.getpid(), flush=True); signal.pause()"


@pytest.fixture(scope="module")
def socket(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The socket of a preloader that runs."""
    path = tmp_path_factory.mktemp("preloader") / "folder" / "socket"
    with preloader(path):
        yield path


def _flow(launcher: subprocess.Popen[str]) -> psutil.Process:
    """The process of the flow, which says its pid."""
    assert launcher.stdout is not None
    return psutil.Process(int(launcher.stdout.readline()))


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("pass", 0),
        ("raise SystemExit(3)", 3),
        ("raise SystemExit('why')", 1),
        ("raise ValueError('what')", 1),
        ("import os; os._exit(255)", 255),
        ("import os; os.abort()", -signal.SIGABRT),
        ("raise KeyboardInterrupt", -signal.SIGINT),
    ],
)
def test_it_ends_as_the_flows_process_ends(socket: Path, code: str, expected: int) -> None:
    assert finish(launch(socket, code))[0] == expected


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGSEGV])
def test_it_is_ended_by_the_signal_that_ended_the_flows_process(socket: Path, number: int) -> None:
    launcher = launch(socket, _SAYS_PID_AND_WAITS)
    _flow(launcher).send_signal(number)
    assert finish(launcher)[0] == -number


def test_descriptors_folder_and_environment_are_the_launchers(socket: Path, tmp_path: Path) -> None:
    code = "import os, sys; print(sys.stdin.read(), os.getcwd(), sys.path[0], dict(os.environ)); sys.stderr.write('e')"
    odd = {"MANY": "line\nline", "NOT_UTF8": os.fsdecode(b"\xff="), "EMPTY": ""}
    launcher = launch(socket, code, cwd=tmp_path, env=odd)
    said, errors = launcher.communicate("in", timeout=30)
    assert said.startswith(f"in {tmp_path} {tmp_path} {{")
    assert errors == "e"
    assert all(repr(name) + ": " + repr(value) in said for name, value in odd.items())
    assert "CODE_AT_LOAD" not in said  # what the preloader's own environment has


def test_a_large_environment_arrives(socket: Path) -> None:
    large = {f"LARGE_{number}": "x" * 100_000 for number in range(12)}
    code = "import os; print(sum(len(value) for name, value in os.environ.items() if name.startswith('LARGE_')))"
    assert finish(launch(socket, code, env=large)) == (0, "1200000\n", "")


def test_the_flows_process_has_a_name_a_group_and_nothing_open_of_others(socket: Path) -> None:
    with launch(socket, _SAYS_PID_AND_WAITS) as other:
        _flow(other)
        code = (
            "import os; print(os.getpid(), os.getpgid(0), sorted(map(int, os.listdir('/proc/self/fd')))[:-1]); input()"
        )
        with launch(socket, code) as launcher:
            assert launcher.stdout is not None
            pid, group, *descriptors = launcher.stdout.readline().split()
            assert pid == group
            assert psutil.Process(int(pid)).name() == NAME
            opened = {int(word.strip("[],")) for word in descriptors}
            inherited = {number for number in opened if number > 2}
            assert inherited <= set(_open(psutil.Process(int(pid)).parent()))
            assert not inherited & _sockets(psutil.Process(int(pid)))
            launcher.kill()
        other.kill()


def _open(process: psutil.Process | None) -> list[int]:
    assert process is not None
    return [int(path.name) for path in Path(f"/proc/{process.pid}/fd").iterdir()]


def _sockets(process: psutil.Process) -> set[int]:
    paths = Path(f"/proc/{process.pid}/fd").iterdir()
    return {int(path.name) for path in paths if str(path.readlink()).startswith("socket:")}


@pytest.fixture
def not_in_background() -> Iterator[None]:
    """As at a terminal: what a shell starts in the background ignores SIGINT, and all that it starts does."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("not_in_background")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_reaches_the_flows_process_once(socket: Path, number: int) -> None:
    # os.write: the signal may come while print has its buffer, which another print must not touch.
    code = """
import os, signal, sys
for number in (signal.SIGTERM, signal.SIGINT):
    signal.signal(number, lambda number, _: os.write(1, b"got %d\\n" % number))
print(os.getpid(), flush=True)
sys.stdin.read()
"""
    launcher = launch(socket, code)
    _flow(launcher)
    launcher.send_signal(number)
    assert launcher.stdout is not None
    assert launcher.stdout.readline() == f"got {int(number)}\n"
    said, _ = launcher.communicate(timeout=30)
    assert (launcher.returncode, said) == (0, "")


def test_killing_the_launcher_kills_the_flows_process(socket: Path) -> None:
    with launch(socket, _SAYS_PID_AND_WAITS) as launcher:
        flow = _flow(launcher)
        launcher.kill()
        assert wait_gone([flow], 10) == []


def test_many_at_once_each_end_as_they_should(socket: Path) -> None:
    launchers = [launch(socket, f"raise SystemExit({code})") for code in range(20)]
    assert [finish(launcher)[0] for launcher in launchers] == list(range(20))


def test_processes_that_are_forked_draw_different_random_numbers(socket: Path) -> None:
    code = (
        "import random, secrets, tempfile, uuid; from models.rules.ids import new_id;"
        "print(random.random(), secrets.token_hex(), uuid.uuid4(), new_id(), next(tempfile._get_candidate_names()))"
    )
    said = [finish(launch(socket, code))[1].split() for _ in range(2)]
    assert len(said[0]) == 5
    assert all(one != other for one, other in zip(*said, strict=True))


def test_without_a_preloader_it_becomes_prefects_engine(tmp_path: Path) -> None:
    engine = engine_that_says_so(tmp_path)
    for socket in (None, tmp_path / "nothing", tmp_path / "no folder" / "socket"):
        assert finish(launch(socket, "", engine=engine)) == (0, "engine\n", "")
