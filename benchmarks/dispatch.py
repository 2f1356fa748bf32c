"""Dispatch: from a planned run to the last outcome recorded, over SMTP on loopback."""

import time
from uuid import UUID

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
_AIM = Aim("at least", now=0.5, goal=0.95)


def measure_dispatch(bench: Bench) -> list[Figure]:
    """With one sender, and with two processes that share the run."""
    database = Database(bench.settings, Role.ENGINE)
    try:
        with mail_server(bench.folder) as server:
            return [_measure(bench, database, server, senders) for senders in (1, 2)]
    finally:
        database.close()


def _measure(bench: Bench, database: Database, server: MailServer, senders: int) -> Figure:
    count = bench.amount(_MESSAGES)
    settings = bench.settings.with_values(smtp_url=server.url)
    organization_id, list_id = organization_with(database, count, suppressed=False)

    def product() -> float:
        run = start_campaign(database, settings, organization_id, list_id, {})
        planned = plan_campaign(database, run.id, settings)
        assert planned is not None
        assert planned.recipients == count
        bench.settle()
        seconds = _send_together(settings, run.id, senders)
        with database.transaction(None) as session:
            totals = campaign_totals(session, organization_id, [run.id])[run.id]
        assert totals.sent == count, f"{totals.sent} of {count} were accepted."
        return seconds

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
