"""The Prefect worker of this machine: `python -m deployments.prefect_worker`.

It is `prefect worker start`, but is started together with the server: Prefect's import (3 s) passes while the
server comes up, and the work pool, which another process makes, is waited for.
Beside it runs a preloader, which forks the processes of its flow runs.
"""

import sys
import time

from prefect.cli import app as prefect_command_line

from deployments import patient_worker  # noqa: F401 - the class that `--type process` finds, imported while we wait
from deployments.environment import preloader_socket
from deployments.prefect_api import PrefectApi, worker_name
from deployments.preloader_keeper import keep_preloader
from models.pipelines import WORK_POOL
from models.settings import load_settings

_SERVER_SECONDS = 180.0


def main() -> None:
    """Wait for the work pool, then work until SIGTERM."""
    settings = load_settings()
    keep_preloader(preloader_socket(settings))
    server = PrefectApi(settings)
    deadline = time.monotonic() + _SERVER_SECONDS
    while not (server.healthy() and server.work_pool_exists()):
        if time.monotonic() > deadline:
            sys.exit(f"the work pool {WORK_POOL} is not there after {_SERVER_SECONDS:.0f} s")
        time.sleep(0.1)
    server.close()
    sys.argv = [
        *("prefect", "worker", "start", "--pool", WORK_POOL, "--type", "process"),
        *("--name", worker_name(settings)),
        *("--limit", str(settings.worker_limit), "--install-policy", "never", "--no-create-pool-if-not-found"),
    ]
    prefect_command_line()


if __name__ == "__main__":
    main()
