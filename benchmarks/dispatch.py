"""Dispatch: from a planned run to the last outcome recorded, over SMTP on loopback.

Beside Postfix's smtp-source, and beside its own loop without journal and leases.
"""

import time
from uuid import UUID

from benchmarks.bare_loop import send_without_journal
from benchmarks.campaigns import MESSAGE_BYTES, start_campaign
from benchmarks.children import in_children, wait_for_others
from benchmarks.mail_server import MailServer, mail_server
from benchmarks.measure import Aim, Bench, Figure, in_turns
from benchmarks.people import organization_with
from models.session import Database, Role
from models.settings import Settings
from models.store.runs import campaign_totals
from tasks.runs.plan import plan_campaign
from tasks.sending.sender import send_run

_MESSAGES = 50_000
_AIM = Aim("at least", now=0.7, goal=0.95)
_DURABILITY_AIM = Aim("at most", now=1.2, goal=1.1)


def measure_dispatch(bench: Bench) -> list[Figure]:
    """With one sender, and with two processes that share the run."""
    database = Database(bench.settings, Role.ENGINE)
    try:
        with mail_server(bench.folder) as server:
            return [
                *(_measure(bench, database, server, senders) for senders in (1, 2)),
                _measure_two_beside_one(bench, database, server),
            ]
    finally:
        database.close()


def measure_durability(bench: Bench) -> list[Figure]:
    """What makes it durable, in a database of its own: a million messages of other figures keep autovacuum busy."""
    database = Database(bench.settings, Role.ENGINE)
    try:
        with mail_server(bench.folder) as server:
            return [_measure_durability(bench, database, server)]
    finally:
        database.close()


def _measure(bench: Bench, database: Database, server: MailServer, senders: int) -> Figure:
    count = bench.amount(_MESSAGES)
    settings = bench.settings.with_values(smtp_url=server.url)
    organization_id, list_id = organization_with(database, count, suppressed=False)

    def product() -> float:
        run_id = _planned_run(database, settings, organization_id, list_id, count)
        bench.settle()
        return _durably(database, settings, organization_id, run_id, count, senders)

    seconds, limits = in_turns(bench.rounds, product, lambda: server.limit(count, MESSAGE_BYTES))
    return Figure(
        name=f"dispatch, {senders} sender{'s' * (senders > 1)}",
        limit_name=server.limit_name,
        amount=count,
        unit="messages",
        product_seconds=seconds,
        limit_seconds=limits,
        compare="speed",
        aim=_AIM if server.proves and senders == 1 else None,
    )


def _measure_two_beside_one(bench: Bench, database: Database, server: MailServer) -> Figure:
    """What a second sender process brings on this machine, where they share the cores with mail server and Postgres."""
    count = bench.amount(_MESSAGES)
    settings = bench.settings.with_values(smtp_url=server.url)
    organization_id, list_id = organization_with(database, count, suppressed=False)

    def send(senders: int) -> float:
        run_id = _planned_run(database, settings, organization_id, list_id, count)
        bench.settle()
        return _durably(database, settings, organization_id, run_id, count, senders)

    seconds, limits = in_turns(bench.rounds, lambda: send(2), lambda: send(1))
    return Figure(
        name="dispatch, two senders beside one",
        limit_name="one sender",
        amount=count,
        unit="messages",
        product_seconds=seconds,
        limit_seconds=limits,
        compare="speed",
    )


def _measure_durability(bench: Bench, database: Database, server: MailServer) -> Figure:
    """What journal, leases and the look-ups before each window cost, over the same connections and content."""
    count = bench.amount(_MESSAGES)
    settings = bench.settings.with_values(smtp_url=server.url)
    organization_id, list_id = organization_with(database, count, suppressed=False)
    run_ids: list[UUID] = []

    def product() -> float:
        bench.settle()
        return _durably(database, settings, organization_id, run_ids[-1], count, 1)

    def limit() -> float:  # first, since it leaves the run as it was
        run_ids.append(_planned_run(database, settings, organization_id, list_id, count))
        bench.settle()
        [(seconds, accepted)] = in_children(1, _send_bare, settings, run_ids[-1])
        assert accepted == count, f"{accepted} of {count} were accepted."
        return seconds

    limits, seconds = in_turns(bench.rounds, limit, product)
    return Figure(
        name="dispatch, what durability costs",
        limit_name="its loop, no journal",
        amount=count,
        unit="messages",
        product_seconds=seconds,
        limit_seconds=limits,
        aim=_DURABILITY_AIM if server.proves else None,
    )


def _planned_run(database: Database, settings: Settings, organization_id: UUID, list_id: UUID, count: int) -> UUID:
    run = start_campaign(database, settings, organization_id, list_id, {})
    planned = plan_campaign(database, run.id, settings)
    assert planned is not None
    assert planned.recipients == count
    return run.id


def _durably(
    database: Database, settings: Settings, organization_id: UUID, run_id: UUID, count: int, senders: int
) -> float:
    """Seconds of so many senders; AssertionError unless every message was accepted."""
    seconds = _send_together(settings, run_id, senders)
    with database.transaction(None) as session:
        totals = campaign_totals(session, organization_id, [run_id])[run_id]
    assert totals.sent == count, f"{totals.sent} of {count} were accepted."
    return seconds


def _send_together(settings: Settings, run_id: UUID, senders: int) -> float:
    spans = in_children(senders, send_run_here, settings, run_id)
    return max(end for _, end in spans) - min(begin for begin, _ in spans)


def send_run_here(settings: Settings, run_id: UUID) -> tuple[float, float]:
    """In a child: when this sender began and ended, by the machine's clock."""
    database = Database(settings, Role.ENGINE, pool_size=5)
    try:
        wait_for_others()
        began = time.time()
        send_run(database, settings, run_id, 1, stop=lambda: False)
        return began, time.time()
    finally:
        database.close()


def _send_bare(settings: Settings, run_id: UUID) -> tuple[float, int]:
    """Seconds, and how many messages were accepted."""
    database = Database(settings, Role.ENGINE, pool_size=5)
    try:
        began = time.perf_counter()
        accepted = send_without_journal(database, settings, run_id)
        return time.perf_counter() - began, accepted
    finally:
        database.close()
