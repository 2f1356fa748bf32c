"""From the POST of a single SMS to its hand-over, 50 a second: over HTTP, through granian and a courier's process.

The one figure that is absolute on purpose: a code that somebody waits for must come at once on any machine.
"""

import contextlib
import statistics
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

import httpx2
from sqlalchemy import text

from benchmarks.api import Server, serving
from benchmarks.measure import Aim, Bench, Figure
from deployments import services
from models.session import Database, Role
from models.settings import Settings
from models.store.heartbeats import last_seen

_MESSAGES = 1000
_WARM_UP = 100
_A_SECOND = 50
_CONNECTIONS = 16
_PERCENTILES = {"p50": (49, 0.050), "p99": (98, 0.250)}  # which cut of a hundred, and what it must stay below
_START_SECONDS = 60.0
_STOP_SECONDS = 20.0


def measure_handover(bench: Bench) -> list[Figure]:
    """With LISTEN, and with a courier that only looks."""
    count = bench.amount(_MESSAGES)
    figures = []
    with serving(bench.settings) as server:
        for name, listens in (("with LISTEN", True), ("looking only", False)):
            settings = bench.settings.with_values(courier_listens=listens)
            with _courier(settings):
                _waits(settings, server, min(_WARM_UP, count))
                bench.settle()
                cuts = statistics.quantiles(_waits(settings, server, count), n=100)
            figures += [
                _figure(f"POST to hand-over, {which}, {name}", count, cuts[no], most)
                for which, (no, most) in _PERCENTILES.items()
            ]
    return figures


def _figure(name: str, count: int, seconds: float, most: float) -> Figure:
    return Figure(
        name=name,
        limit_name=f"{1000 * most:.0f} ms, absolute on purpose",
        amount=count,
        unit="messages",
        product_seconds=(seconds,),
        limit_seconds=(most,),
        aim=Aim("at most", now=1.0, goal=1.0),
        notes={"ms": round(1000 * seconds, 1)},
    )


def _waits(settings: Settings, server: Server, count: int) -> list[float]:
    """Seconds from when each POST was to be sent to when its answer from the provider was recorded."""
    with ThreadPoolExecutor(_CONNECTIONS) as pool, _client(server) as client:
        first = time.time() + 0.1

        def post(number: int) -> tuple[UUID, float]:
            at = first + number / _A_SECOND
            time.sleep(max(0.0, at - time.time()))
            body = {"recipient": f"+3706{number:07d}", "message": f"Your code is {number}."}
            answer = client.post("/api/v1/sms/send", json=body).raise_for_status()
            return UUID(answer.json()["data"]["message_id"]), at

        asked = dict(pool.map(post, range(count)))
    sent = _sent(settings, list(asked))
    return [sent[id_] - at for id_, at in asked.items()]


def _client(server: Server) -> httpx2.Client:
    return httpx2.Client(
        base_url="http://{}:{}".format(*server.address),
        headers={"Authorization": f"Bearer {server.token}"},
        timeout=_START_SECONDS,
        trust_env=False,
    )


def _sent(settings: Settings, ids: list[UUID]) -> dict[UUID, float]:
    """When each was recorded as handed over, in seconds since 1970; waits until all are."""
    database = Database(settings, Role.ENGINE, pool_size=1)
    deadline = time.monotonic() + _START_SECONDS
    try:
        while True:
            with database.transaction(None) as session:
                rows = session.execute(_SENT, {"ids": ids}).all()
            if len(rows) == len(ids):
                return {row.id: row.at for row in rows}
            assert time.monotonic() < deadline, f"{len(rows)} of {len(ids)} messages were sent."
            time.sleep(0.1)
    finally:
        database.close()


_SENT = text(
    "SELECT id, extract(epoch FROM sent_at)::float AS at FROM messages WHERE id = ANY(:ids) AND sent_at IS NOT NULL"
)


@contextlib.contextmanager
def _courier(settings: Settings) -> Iterator[None]:
    """A courier as `exosend up` starts it; Prefect is away."""
    service = services.courier(settings.with_values(prefect_api_url="http://127.0.0.1:9/api"))
    process = subprocess.Popen(service.command, env=service.environment, stderr=subprocess.DEVNULL)
    database = Database(settings, Role.ENGINE, pool_size=1)
    deadline = time.monotonic() + _START_SECONDS
    try:
        while True:
            with database.transaction(None) as session:
                if last_seen(session, "courier") is not None:
                    break
            assert process.poll() is None, "The courier ended while it was starting."
            assert time.monotonic() < deadline, "The courier did not start in time."
            time.sleep(0.1)
        yield
    finally:
        database.close()
        process.terminate()
        process.wait(_STOP_SECONDS)
