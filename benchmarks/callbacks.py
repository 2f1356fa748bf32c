"""Callbacks of providers, with one event and with hundreds, each beside a bare route that does one INSERT of the body.

The requests are SendGrid's: arrays, signed with a public key, which is the dearest signature of all vendors'.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import psycopg

from benchmarks import bare_route
from benchmarks.api import Server, serving
from benchmarks.http_load import Load
from benchmarks.measure import Bench, Figure, in_turns
from deployments.http_sink_sendgrid import VERIFICATION_KEY, signed_callbacks
from models.rules.ids import new_id
from models.rules.reports import ReportKind
from models.session import Role
from tasks.providers.callbacks import Callback, ProviderEvent

_REQUESTS = {1: 4000, 500: 100}
"""Events in a request → requests."""
_PATH = "/webhooks/sendgrid/default"
_WARM_UP = 50


def measure_callbacks(bench: Bench) -> list[Figure]:
    """Signature, reading, one statement with the request and all of its events, durable commits."""
    settings = bench.settings.with_values(
        email_url="sendgrid://api:key@api.sendgrid.com", email_callback_keys=VERIFICATION_KEY
    )
    assert settings.database_url is not None
    with _bare_table(settings.database_url), serving(settings) as server:
        return [_measure(bench, server, events) for events in _REQUESTS]


@contextmanager
def _bare_table(database_url: str) -> Iterator[None]:
    """What the bare route writes to; gone afterwards, since others look at the same database."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(f"CREATE TABLE {bare_route.TABLE} (id uuid PRIMARY KEY, body bytea NOT NULL)".encode())
        try:
            connection.execute(f"GRANT INSERT ON {bare_route.TABLE} TO {Role.API}".encode())
            yield
        finally:
            connection.execute(f"DROP TABLE {bare_route.TABLE}".encode())


def _measure(bench: Bench, server: Server, events: int) -> Figure:
    amount = bench.amount(_REQUESTS[events])
    loads: dict[str, list[Load]] = {"product": [], "limit": []}

    def run(kind: str, path: str) -> float:
        requests = [_post(path, callback) for callback in _callbacks(amount, events)]  # no request comes twice
        bench.settle()
        loads[kind].append(server.load(requests, 204))
        return loads[kind][-1].seconds

    for path in (_PATH, bare_route.INSERT_PATH):
        server.load([_post(path, callback) for callback in _callbacks(_WARM_UP, 1)], 204)
    seconds, limits = in_turns(
        bench.rounds, lambda: run("product", _PATH), lambda: run("limit", bare_route.INSERT_PATH)
    )
    best = min(loads["product"], key=lambda load: load.seconds)
    return Figure(
        name=f"callback with {events:,} events" if events > 1 else "callback with one event",
        limit_name="bare INSERT",
        amount=amount,
        unit="requests",
        product_seconds=seconds,
        limit_seconds=limits,
        compare="speed",
        notes={
            "events a second": round(amount * events / min(seconds)),
            "p50_ms": round(best.p50_ms, 1),
            "p99_ms": round(best.p99_ms, 1),
        },
    )


def _callbacks(amount: int, events: int) -> Iterator[Callback]:
    now = datetime.now(UTC)
    for _ in range(amount):
        told = [
            ProviderEvent("", ReportKind.DELIVERED, now, message_id=new_id(), recipient=f"user{no}@example.com")
            for no in range(events)
        ]
        yield from signed_callbacks(told, url=_PATH, key=VERIFICATION_KEY, at=now)


def _post(path: str, callback: Callback) -> str:
    body = callback.body.decode("ascii")
    lines = [f"POST {path} HTTP/1.1", "Host: benchmark", f"Content-Length: {len(body)}"]
    return "\r\n".join([*lines, *(f"{name}: {value}" for name, value in callback.headers.items()), "", body])
