"""A real preloader whose flow processes run a few lines of code instead of Prefect's engine."""

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from deployments.flow_request import SOCKET_VARIABLE
from tests.support.stack import wait_for

PROJECT = Path(__file__).parents[2]
_CODE = "CODE_OF_THE_FLOW"
_AT_LOAD = "CODE_AT_LOAD"


def load() -> None:
    """What the preloader does before it forks."""
    exec(os.environ.get(_AT_LOAD, ""))


def run() -> None:
    """What a forked process does."""
    exec(os.environ[_CODE], {})


@contextlib.contextmanager
def preloader(socket: Path, at_load: str = "") -> Iterator[subprocess.Popen[bytes]]:
    """A preloader that listens there and has run `at_load`."""
    command = [sys.executable, "-m", "deployments.preloader", str(socket), "tests.support.preloaders"]
    with subprocess.Popen(
        command, cwd=PROJECT, env={**os.environ, _AT_LOAD: at_load}, stdin=subprocess.PIPE
    ) as process:
        try:
            wait_for("the preloader's socket", socket.exists, 20)
            yield process
        finally:
            process.kill()


def launch(socket: Path | None, code: str, *, engine: Path | None = None, **options: object) -> subprocess.Popen[str]:
    """A launcher as Prefect's worker starts it; `engine` is a folder with another `prefect` in it."""
    environment = {**os.environ, _CODE: code}
    environment["PYTHONPATH"] = os.pathsep.join(str(folder) for folder in (engine, PROJECT) if folder)
    if socket is not None:
        environment[SOCKET_VARIABLE] = str(socket)
    environment |= options.pop("env", {})  # type: ignore[call-overload]
    return subprocess.Popen(
        [sys.executable, "-m", "deployments.flow_process"],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,  # type: ignore[call-overload]
    )


def engine_that_says_so(folder: Path) -> Path:
    """A folder with a `prefect.engine` that prints `engine`: what a launcher becomes without a preloader."""
    (folder / "prefect").mkdir()
    (folder / "prefect" / "__init__.py").touch()
    (folder / "prefect" / "engine.py").write_text("print('engine')")
    return folder


def finish(process: subprocess.Popen[str], *, seconds: float = 30) -> tuple[int, str, str]:
    """Its exit code, output and errors."""
    said, errors = process.communicate(timeout=seconds)
    return process.returncode, said, errors
