"""Single messages: how many a second leave the outbox, and how long after its commit one is handed over."""

import statistics
import time
from collections.abc import Callable, Mapping
from decimal import Decimal
from uuid import UUID

from sqlalchemy import text

from api.starter import wake_courier
from benchmarks.measure import Bench, Figure, Note, in_turns
from deployments.courier_outbox import OutboxThreads
from models.rules.lifecycle import RunKind
from models.session import Database, Role, driver
from models.settings import Settings
from models.store.contents import store_content
from models.store.organizations import create_organization, top_up
from models.store.outgoing import NewMessage
from tasks.content.sms import FrozenSms
from tasks.runs.accept_messages import accept_run, accept_single

_MESSAGES = 10_000
_RUN = 100
_LATENCY_MESSAGES = 500
_A_SECOND = 50
_WINDOW = 200
_LONGEST_SECONDS = 300.0


def measure_singles(bench: Bench) -> list[Figure]:
    """The outbox to the sandbox; latencies with LISTEN and without are in the notes."""
    database = Database(bench.settings, Role.ENGINE)
    try:
        organization_id = _organization(database)
        count = max(_RUN, bench.amount(_MESSAGES) // _RUN * _RUN)
        seconds, limits = in_turns(
            bench.rounds,
            lambda: _drain(bench, database, organization_id, count),
            lambda: _limit(bench, database, organization_id, count),
        )
        notes: dict[str, Note] = {}
        for name, listens in (("listening", True), ("polling", False)):
            settings = bench.settings.with_values(courier_listens=listens)
            notes |= _latency(settings, database, organization_id, bench.amount(_LATENCY_MESSAGES), name)
    finally:
        database.close()
    return [
        Figure(
            name="outbox to the sandbox",
            limit_name="one UPDATE and DELETE a window",
            amount=count,
            unit="messages",
            product_seconds=seconds,
            limit_seconds=limits,
            compare="speed",
            notes=notes,
        )
    ]


def _organization(database: Database) -> UUID:
    with database.transaction(None) as session:
        organization = create_organization(session, name="Acme")
        top_up(session, organization.id, Decimal(1_000_000), reference="start")
    return organization.id


def _message(database: Database, organization_id: UUID) -> Callable[[int], NewMessage]:
    frozen = FrozenSms("Your code is 1234", "ACME")
    with database.transaction(organization_id) as session:
        values = {"channel": "sms", "text": frozen.text, "sender_id": frozen.sender_id}
        content_id = store_content(session, organization_id, frozen.hash, values)
    return lambda number: NewMessage(f"+3706{number:07d}", content_id, Decimal("0.035"), segments=1)


def _fill(bench: Bench, database: Database, organization_id: UUID, count: int) -> None:
    message = _message(database, organization_id)
    for start in range(0, count, _RUN):
        with database.transaction(organization_id) as session:
            messages = [message(number) for number in range(start, start + _RUN)]
            accept_run(session, organization_id, RunKind.BULK, messages, bench.settings)
    bench.settle()


def _drain(bench: Bench, database: Database, organization_id: UUID, count: int) -> float:
    _fill(bench, database, organization_id, count)
    threads = OutboxThreads(bench.settings, "benchmark")
    began = time.perf_counter()
    threads.start()
    try:
        _wait_until_empty(database)
        return time.perf_counter() - began
    finally:
        threads.stop()


def _limit(bench: Bench, database: Database, organization_id: UUID, count: int) -> float:
    """The least: each window's messages accepted and its rows gone, in one commit."""
    _fill(bench, database, organization_id, count)
    began = time.perf_counter()
    done = 0
    while done < count:
        with database.transaction(None) as session:
            done += driver(session).execute(_LEAST, [_WINDOW]).rowcount
    return time.perf_counter() - began


_LEAST = """
WITH gone AS (
    DELETE FROM outbox WHERE message_id IN (SELECT message_id FROM outbox LIMIT %s) RETURNING message_id
)
UPDATE messages m SET state = 'accepted', sent_at = now() FROM gone
WHERE m.id = gone.message_id AND m.made_on = (now() AT TIME ZONE 'UTC')::date
"""


def _latency(
    settings: Settings, database: Database, organization_id: UUID, count: int, name: str
) -> Mapping[str, Note]:
    """From a single message's commit to the recording of its hand-over, 50 a second."""
    message = _message(database, organization_id)
    committed: dict[UUID, float] = {}
    threads = OutboxThreads(settings, "benchmark")
    threads.start()
    try:
        began = time.perf_counter()
        for number in range(count):
            time.sleep(max(0.0, began + number / _A_SECOND - time.perf_counter()))
            with database.transaction(organization_id) as session:
                id_ = accept_single(session, organization_id, "sms", message(number)).message_id
            committed[id_] = time.time()
            if settings.courier_listens:
                wake_courier(database)
        _wait_until_empty(database)
    finally:
        threads.stop()
    with database.transaction(None) as session:
        rows = session.execute(
            text("SELECT id, extract(epoch FROM sent_at)::float FROM messages WHERE run_id IS NULL AND id = ANY(:ids)"),
            {"ids": list(committed)},
        ).all()
    waits = sorted(1000 * (sent - committed[id_]) for id_, sent in rows)
    cuts = statistics.quantiles(waits, n=100)
    return {f"{name}_p50_ms": round(cuts[49], 1), f"{name}_p99_ms": round(cuts[98], 1)}


def _wait_until_empty(database: Database) -> None:
    deadline = time.monotonic() + _LONGEST_SECONDS
    while time.monotonic() < deadline:
        with database.transaction(None) as session:
            if not session.execute(text("SELECT EXISTS (SELECT FROM outbox)")).scalar_one():
                return
        time.sleep(0.02)
    raise TimeoutError("The outbox is not empty.")
