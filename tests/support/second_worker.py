"""Another machine's worker, as `exosend serve worker` starts it: a process with a data folder of its own."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from deployments.connection import connected_settings
from deployments.forked import NAME
from models.settings import load_settings
from tests.support.stack import Stack, wait_for

_STOP_SECONDS = 60.0


class SecondWorker:
    """The worker with all that it has started."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process

    def flow_processes(self) -> list[psutil.Process]:
        """The processes that run flows here."""
        return [process for process in self._descendants() if process.name() == NAME]

    def kill(self) -> None:
        """As if its machine lost its power."""
        processes = [psutil.Process(self._process.pid), *self._descendants()]
        for process in processes:
            process.suspend()  # none sees another one end
        for process in processes:
            process.send_signal(signal.SIGKILL)
        self._process.wait()

    def _descendants(self) -> list[psutil.Process]:
        return psutil.Process(self._process.pid).children(recursive=True)


@contextmanager
def second_worker(stack: Stack, folder: Path) -> Iterator[SecondWorker]:
    """One that is ended with the block, if it has not been before. It takes as many flow runs as the stack's."""
    data_dir = Path(stack.demo.environment["EXOSEND_DATA_DIR"])
    settings = connected_settings(load_settings(data_dir=data_dir))
    environment = {
        **stack.demo.environment,
        "EXOSEND_DATABASE_URL": str(settings.database_url),
        "EXOSEND_SECRET_KEY": (data_dir / "secret.key").read_text().strip(),
        "EXOSEND_PREFECT_API_URL": f"{stack.demo.prefect_url}/api",
        "EXOSEND_DATA_DIR": str(folder),
        "EXOSEND_PORT": str(int(stack.demo.environment["EXOSEND_PORT"]) + 1),  # a part of the worker's name
    }
    command = [sys.executable, "-m", "deployments.cli", "serve", "worker"]
    with (folder / "worker.log").open("wb") as log:
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=log, start_new_session=True)
    try:
        # Until its preloader has imported everything a flow run would take many seconds to begin.
        wait_for("the second worker's preloader", (folder / "preloader" / "socket").exists)
        yield SecondWorker(process)
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait(_STOP_SECONDS)
