"""Makes a Prefect server know ExoSend: the work pool and the deployments of prefect.yaml.

`python -m deployments.prefect_setup`, as a process of its own: importing Prefect and the flows takes seconds,
which pass while the server starts, and 200 MB, which nobody needs afterwards. Doing it again changes nothing.
"""

import asyncio
import sys
import time

from prefect.cli import app as prefect_command_line
from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import WorkPoolCreate, WorkPoolUpdate
from prefect.exceptions import ObjectAlreadyExists
from prefect.workers.process import ProcessWorker

from deployments.prefect_api import remember_applied
from models.pipelines import WORK_POOL
from models.settings import Settings, load_settings

_SERVER_SECONDS = 120.0  # its first start migrates its own database


async def ensure_work_pool(settings: Settings) -> None:
    """Wait for the server, then create the pool or set its limit. Raises TimeoutError."""
    deadline = time.monotonic() + _SERVER_SECONDS
    async with get_client() as client:
        while (failure := await client.api_healthcheck()) is not None:
            if time.monotonic() > deadline:
                raise TimeoutError(f"The Prefect server at {settings.prefect_url} does not answer: {failure}")
            await asyncio.sleep(0.1)
        try:
            await client.create_work_pool(
                WorkPoolCreate(
                    name=WORK_POOL,
                    type=ProcessWorker.type,
                    description="ExoSend's flows. The limit is made from memory: a flow run takes about 100 MB.",
                    base_job_template=ProcessWorker.get_default_base_job_template(),
                    concurrency_limit=settings.worker_limit,
                )
            )
        except ObjectAlreadyExists:
            await client.update_work_pool(WORK_POOL, WorkPoolUpdate(concurrency_limit=settings.worker_limit))


def main() -> None:
    """The pool first, since a deployment names it."""
    settings = load_settings()
    asyncio.run(ensure_work_pool(settings))
    sys.argv = ["prefect", "--no-prompt", "deploy", "--all"]
    try:
        prefect_command_line()
    except SystemExit as end:
        if end.code:
            raise
    remember_applied(settings)


if __name__ == "__main__":
    main()
