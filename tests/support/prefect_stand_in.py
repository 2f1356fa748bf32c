"""A stand-in for Prefect's server, as far as ExoSend asks it about flow runs and deployments."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from threading import Thread
from typing import Any
from uuid import UUID, uuid4

import httpx2
from werkzeug.serving import make_server
from werkzeug.wrappers import Request, Response

from models.pipelines import PARAMETERS


@dataclass
class StandIn:
    """`flow_runs`: those it knows, by id, as it answers them. `credentials`: what it asks for, if anything."""

    url: str = ""
    flow_runs: dict[str, dict[str, Any]] = field(default_factory=dict)
    began: datetime = field(default_factory=lambda: datetime(2026, 1, 1, tzinfo=UTC))
    knows_deployments: bool = True
    credentials: tuple[str, str] | None = None
    asked: int = 0
    """How often for flow runs."""

    def add(self, state: str, id_: UUID | None = None, *, seconds: float = 0.0, **values: object) -> UUID:
        """A flow run that has been in its state for so many seconds."""
        id_ = id_ or uuid4()
        since = (datetime.now(UTC) - timedelta(seconds=seconds)).isoformat()
        self.flow_runs[str(id_)] = {"id": str(id_), "state": {"timestamp": since}, "state_type": state, **values}
        return id_

    def wipe(self) -> None:
        """Its database is lost, and the deployments are applied again."""
        self.flow_runs.clear()
        self.began = datetime.now(UTC) + timedelta(milliseconds=1)

    def state(self, id_: UUID) -> str:
        """The state's type of a flow run."""
        return str(self.flow_runs[str(id_)]["state_type"])

    def __call__(self, environ: Any, start_response: Any) -> Any:
        request = Request(environ)
        body = json.loads(request.get_data() or "{}")
        given = request.authorization
        if self.credentials and (not given or (given.username, given.password) != self.credentials):
            return Response(status=httpx2.codes.UNAUTHORIZED)(environ, start_response)
        parts = request.path.removeprefix("/api/").split("/")
        answer = getattr(self, f"_{parts[0]}_{parts[-1] if len(parts) < 4 else 'name'}")(parts, body)
        if answer is None:
            return Response(status=httpx2.codes.NOT_FOUND)(environ, start_response)
        return Response(json.dumps(answer), content_type="application/json")(environ, start_response)

    def _flow_runs_filter(self, _: list[str], body: dict[str, Any]) -> list[dict[str, Any]]:
        self.asked += 1
        ids = body["flow_runs"].get("id", {}).get("any_", self.flow_runs)
        types = body["flow_runs"].get("state", {}).get("type", {}).get("any_")
        found = [self.flow_runs[id_] for id_ in ids if id_ in self.flow_runs]
        return [run for run in found if not types or run["state_type"] in types][: body.get("limit", 200)]

    def _flow_runs_set_state(self, parts: list[str], body: dict[str, Any]) -> dict[str, Any]:
        self.flow_runs[parts[1]]["state_type"] = body["state"]["type"]
        return {}

    def _deployments_filter(self, *_: object) -> list[dict[str, str]]:
        return [{"name": name.partition("/")[2]} for name in PARAMETERS] if self.knows_deployments else []

    def _deployments_name(self, *_: object) -> dict[str, str] | None:
        return {"id": str(UUID(int=1)), "created": self.began.isoformat()} if self.knows_deployments else None

    def _deployments_create_flow_run(self, _: list[str], body: dict[str, Any]) -> dict[str, Any]:
        key = body["idempotency_key"]
        for run in self.flow_runs.values():
            if run.get("idempotency_key") == key:
                return run
        at = body["state"]["state_details"]["scheduled_time"]
        parameters = body["parameters"]
        id_ = self.add("SCHEDULED", parameters=parameters, expected_start_time=at, idempotency_key=key)
        return self.flow_runs[str(id_)]


@contextmanager
def prefect_stand_in() -> Iterator[StandIn]:
    """One that listens until the block ends."""
    stand_in = StandIn()
    server = make_server("127.0.0.1", 0, stand_in, threaded=True)
    stand_in.url = f"http://127.0.0.1:{server.port}/api"
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield stand_in
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
