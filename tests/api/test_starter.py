"""Starting flows: one HTTP request, to a stand-in for Prefect that remembers what it was asked."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from threading import Thread
from typing import Any
from uuid import UUID, uuid4

import pytest
from werkzeug.serving import make_server
from werkzeug.wrappers import Request, Response

from api import starter
from api.starter import start_drainer, start_draining, start_flow, wake_courier
from models.pipelines import SEND_BULK, SEND_CAMPAIGN, SendCampaign
from models.rules.lifecycle import RunKind
from models.session import Database, Role
from models.settings import Settings, load_settings
from models.store.outbox import listen

CAMPAIGN, RUN, FLOW_RUN = uuid4(), uuid4(), uuid4()


@dataclass
class StandIn:
    """Prefect, as far as starting goes. `deployment_id` changes when the deployment is applied anew."""

    deployment_id: str = field(default_factory=lambda: str(uuid4()))
    knows_deployment: bool = True
    refusals: int = 0
    flow_runs: int = 0  # of the deployment that are in the states that are asked for
    asked: list[tuple[str, str, Any]] = field(default_factory=list)

    def __call__(self, environ: Any, start_response: Any) -> Any:
        request = Request(environ)
        body = json.loads(request.get_data() or b"null")
        self.asked.append((request.method, request.path, body))
        return self.answer(request)(environ, start_response)

    def answer(self, request: Request) -> Response:
        if request.path == "/api/flow_runs/count":
            return Response(str(self.flow_runs))
        if request.path.startswith("/api/deployments/name/") and self.knows_deployment:
            return Response(json.dumps({"id": self.deployment_id}))
        if request.path == f"/api/deployments/{self.deployment_id}/create_flow_run":
            if self.refusals:
                self.refusals -= 1
                return Response('{"exception_message": "Service Unavailable"}', status=503)
            return Response(json.dumps({"id": str(FLOW_RUN)}), status=201)
        return Response("{}", status=404)


@pytest.fixture
def prefect() -> Iterator[tuple[StandIn, Settings]]:
    stand_in = StandIn()
    server = make_server("127.0.0.1", 0, stand_in, threaded=True)
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield stand_in, load_settings(prefect_api_url=f"http://127.0.0.1:{server.port}/api")
    server.shutdown()
    thread.join()
    server.server_close()


def _start(settings: Settings) -> UUID | None:
    parameters = SendCampaign(campaign_id=CAMPAIGN, run_id=RUN, epoch=1)
    return start_flow(
        settings, SEND_CAMPAIGN, parameters, idempotency_key=f"{RUN}:1", tags=["campaign:x"], run_name="Acme: January"
    )


def test_a_flow_is_started_by_one_request_with_its_key(prefect) -> None:
    stand_in, settings = prefect
    assert _start(settings) == FLOW_RUN
    method, path, body = stand_in.asked[-1]
    assert (method, path) == ("POST", f"/api/deployments/{stand_in.deployment_id}/create_flow_run")
    assert body == {
        "parameters": {"campaign_id": str(CAMPAIGN), "run_id": str(RUN), "epoch": 1},
        "idempotency_key": f"{RUN}:1",
        "tags": ["campaign:x"],
        "name": "Acme: January",
    }


def test_the_deployment_is_looked_up_once(prefect) -> None:
    stand_in, settings = prefect
    for _ in range(3):
        _start(settings)
    assert [method for method, _, _ in stand_in.asked] == ["GET", "POST", "POST", "POST"]


def test_a_deployment_that_was_applied_anew_is_found_again(prefect) -> None:
    stand_in, settings = prefect
    _start(settings)
    stand_in.deployment_id = str(uuid4())
    assert _start(settings) == FLOW_RUN


def test_a_refusal_of_a_busy_server_is_tried_again(prefect) -> None:
    stand_in, settings = prefect
    stand_in.refusals = 3
    assert _start(settings) == FLOW_RUN
    assert len({json.dumps(body) for method, _, body in stand_in.asked if method == "POST"}) == 1


def test_a_server_that_goes_on_refusing_is_no_error(prefect) -> None:
    stand_in, settings = prefect
    stand_in.refusals = 1000
    assert _start(settings) is None
    assert len(stand_in.asked) < 10


def test_an_unknown_deployment_is_no_error(prefect) -> None:
    stand_in, settings = prefect
    stand_in.knows_deployment = False
    assert _start(settings) is None


def test_prefect_away_is_no_error() -> None:
    assert _start(load_settings(prefect_api_url="http://127.0.0.1:9/api")) is None


def _creations(stand_in: StandIn) -> list[Any]:
    return [body for method, path, body in stand_in.asked if path.endswith("/create_flow_run")]


@pytest.fixture
def unhurried(monkeypatch) -> None:
    """Nothing was asked for a moment before."""
    monkeypatch.setattr(starter, "_may_drain", {kind: lambda: True for kind in starter.DRAINED})
    monkeypatch.setattr(starter, "_may_wake", lambda: True)


def test_a_draining_flow_is_started_where_there_is_none(prefect, unhurried) -> None:
    stand_in, settings = prefect
    start_draining(settings, RunKind.BULK)
    counted = next(body for _, path, body in stand_in.asked if path.endswith("/count"))
    assert set(counted["flow_runs"]["state"]["type"]["any_"]) == {"SCHEDULED", "PENDING", "RUNNING"}
    [created] = _creations(stand_in)
    assert created["parameters"] == {"idle_seconds": 10.0}
    assert created["idempotency_key"].startswith("bulk:")


def test_no_draining_flow_is_started_beside_another(prefect, unhurried) -> None:
    stand_in, settings = prefect
    stand_in.flow_runs = 1
    start_draining(settings, RunKind.BATCH)
    assert _creations(stand_in) == []


def test_the_courier_starts_one_beside_one_that_only_seems_to_run(prefect) -> None:
    stand_in, settings = prefect
    assert start_drainer(settings, RunKind.BULK) == FLOW_RUN
    counted = next(body for _, path, body in stand_in.asked if path.endswith("/count"))
    assert "RUNNING" not in counted["flow_runs"]["state"]["type"]["any_"]


def test_of_many_requests_at_once_one_asks(prefect, monkeypatch) -> None:
    stand_in, settings = prefect
    monkeypatch.setattr(starter, "_may_drain", {RunKind.BULK: starter._AtMost(3600)})
    for _ in range(20):
        start_draining(settings, RunKind.BULK)
    assert len(_creations(stand_in)) == 1


def test_prefect_away_does_not_stop_a_request(unhurried, caplog) -> None:
    start_draining(load_settings(prefect_api_url="http://127.0.0.1:9/api"), RunKind.BULK)
    assert [record.message.partition(" (")[0] for record in caplog.records] == [f"{SEND_BULK} was not started"]


def test_the_courier_is_woken_and_nothing_is_raised_where_it_cannot_be(settings, unhurried) -> None:
    database = Database(settings, Role.API, pool_size=1)
    with database.connect() as connection:
        heard = listen(connection)
        assert next(heard) is False
        wake_courier(database)
        assert next(heard) is True
    database.close()
    away = Database(settings.with_values(api_database_url="postgresql://a:b@127.0.0.1:9/c"), Role.API)
    wake_courier(away)
    away.close()
