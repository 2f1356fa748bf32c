"""Telling a person who cancels a flow run in Prefect's UI from a worker that ends: to the process both are SIGTERM."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

import httpx2
from prefect.exceptions import TerminationSignal
from prefect.runtime import flow_run

from models.session import DATABASE_AWAY
from models.tables import RunFlow
from tasks.runs.prefect_cancels import reflect_cancels
from tasks.steps.engine import flow_database, flow_settings

log = logging.getLogger(__name__)


@contextmanager
def reflecting_cancels(run_id: UUID, epoch: int) -> Iterator[None]:
    """If the block is ended by a signal, cancel the campaign if Prefect says that this flow run was cancelled.

    Otherwise, and when Prefect does not answer within a second, nothing is done: what was begun is given back, and
    another sender goes on with it. The courier asks as well, of flow runs whose process is dead.
    """
    try:
        yield
    except TerminationSignal:
        if flow_run.id:
            _reflect(UUID(flow_run.id), run_id, epoch)
        raise


def _reflect(flow_run_id: UUID, run_id: UUID, epoch: int) -> None:
    try:
        flow = RunFlow(run_id=run_id, flow_run_id=flow_run_id, epoch=epoch)
        reflect_cancels(flow_database(), flow_settings(), [flow])
    except httpx2.HTTPError as error:
        log.warning("Prefect did not say why this flow run ends (%s); the run goes on elsewhere.", type(error).__name__)
    except DATABASE_AWAY:
        log.warning("Postgres is away; the courier sees to it.")
