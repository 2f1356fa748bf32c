"""This machine's worker stays, and leaves its flow runs alone, whatever Prefect's server answers."""

import anyio
import httpx
import pytest
from prefect.exceptions import PrefectHTTPStatusError
from prefect.utilities.dispatch import lookup_type
from prefect.utilities.services import critical_service_loop
from prefect.workers.base import BaseWorker
from prefect.workers.process import ProcessWorker

from deployments.patient_worker import PatientWorker

_REQUEST = httpx.Request("POST", "http://127.0.0.1:4200/api/work_pools/exosend/workers/heartbeat")
# So many failures end Prefect's own loop: three for each step of its back-off, and three more.
_MANY = 20


def _answered(status: int) -> httpx.HTTPStatusError:
    response = httpx.Response(status, request=_REQUEST)
    return PrefectHTTPStatusError("no", request=_REQUEST, response=response)


AWAY = [
    pytest.param(_answered(404), id="its database lost"),
    pytest.param(_answered(401), id="other credentials"),
    pytest.param(_answered(503), id="starting"),
    pytest.param(httpx.ConnectError("refused"), id="no server"),
    pytest.param(httpx.ReadTimeout("late"), id="hanging server"),
]


def test_it_is_what_the_command_finds() -> None:
    assert lookup_type(BaseWorker, "process") is PatientWorker


@pytest.mark.parametrize("error", AWAY)
@pytest.mark.parametrize("name", ["sync_with_backend", "get_and_submit_flow_runs"])
def test_no_answer_of_the_server_ends_it(monkeypatch, name: str, error: Exception) -> None:
    asked = 0

    class Enough(Exception):
        pass

    async def ask(_: ProcessWorker) -> None:
        nonlocal asked
        asked += 1
        raise Enough if asked > _MANY else error

    monkeypatch.setattr(ProcessWorker, name, ask)
    worker = PatientWorker("exosend")
    worker.is_setup = True
    with pytest.raises(Enough):
        anyio.run(_loop, worker, name)


@pytest.mark.parametrize("error", AWAY)
def test_what_is_wrong_when_it_starts_is_said(monkeypatch, error: Exception) -> None:
    async def ask(_: ProcessWorker) -> None:
        raise error

    monkeypatch.setattr(ProcessWorker, "sync_with_backend", ask)
    with pytest.raises(type(error)):
        anyio.run(PatientWorker("exosend").sync_with_backend)


async def _loop(worker: PatientWorker, name: str) -> None:
    """Prefect's own loop around a worker's duties, which gives up after so many errors."""
    await critical_service_loop(getattr(worker, name), interval=0.0, backoff=4)
