"""The class of this machine's Prefect worker: Prefect's own, and it stays while Prefect is away."""

import warnings
from collections.abc import Awaitable, Callable
from typing import TypeVar

import httpx
from prefect.client.schemas.objects import FlowRun
from prefect.workers.process import ProcessWorker

_T = TypeVar("_T")

warnings.filterwarnings("ignore", r"Type 'PatientWorker' .* will be overridden", UserWarning)


class PatientWorker(ProcessWorker):
    """Takes the place of `process` among Prefect's types of workers, and asks on for as long as it takes.

    Prefect's worker ends after some minutes without a server, and at once when its work pool is missing, as it is for
    some seconds after the server lost its database. Ending, it kills its flow runs; those that send need no Prefect to
    go on, and each that is killed leaves up to two windows of messages uncertain. What is wrong when it starts (no
    such pool, wrong credentials) still ends it.
    """

    _away = False

    async def sync_with_backend(self) -> None:
        """Read the work pool and say that this worker is there; while Prefect is away, nothing."""
        await self._patiently(super().sync_with_backend, None)

    async def get_and_submit_flow_runs(self) -> list[FlowRun]:
        """Start what is due; while Prefect is away, nothing."""
        return await self._patiently(super().get_and_submit_flow_runs, [])

    async def _patiently(self, ask: Callable[[], Awaitable[_T]], otherwise: _T) -> _T:
        try:
            answer = await ask()
        except httpx.HTTPError as error:
            if not self.is_setup:
                raise
            if not self._away:
                self._logger.warning("Prefect is away (%s); what runs goes on.", error)
            self._away = True
            return otherwise
        if self._away:
            self._logger.info("Prefect is back.")
        self._away = False
        return answer
