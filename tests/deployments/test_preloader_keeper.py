"""The worker's preloader is there again after it died, and gone after its worker."""

import os
import subprocess
import sys
from pathlib import Path

import psutil

from deployments.processes import wait_gone
from tests.support.preloaders import PROJECT
from tests.support.stack import wait_for

_WORKER = (
    "import sys; from pathlib import Path; from deployments.preloader_keeper import keep_preloader;"
    "keep_preloader(Path(sys.argv[1])); sys.stdin.read()"
)


def test_it_is_restarted_and_ends_with_its_worker(tmp_path: Path) -> None:
    path = tmp_path / "p" / "socket"
    environment = {**os.environ, "PREFECT_HOME": str(tmp_path / "prefect")}
    command = [sys.executable, "-c", _WORKER, str(path)]
    with subprocess.Popen(command, cwd=PROJECT, env=environment, stdin=subprocess.PIPE) as worker:

        def listening(known: psutil.Process | None = None) -> psutil.Process | None:
            children = [child for child in psutil.Process(worker.pid).children() if child != known]
            return children[0] if children and path.exists() else None

        first = wait_for("the preloader", listening, 30)
        first.kill()
        second = wait_for("the next preloader", lambda: listening(first), 30)
        worker.kill()
        assert wait_gone([second], 30) == []
