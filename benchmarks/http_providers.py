"""Dispatch by HTTP providers: one call for each message and 50 ms until its answer; one call for 1,000 messages.

Each beside a bare client that writes the same requests, prepared before, with as many in flight to the same server.
"""

import contextlib
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from uuid import UUID

from sqlalchemy import text

from benchmarks.bare_http import send_prepared
from benchmarks.children import in_children
from benchmarks.dispatch import send_run_here
from benchmarks.measure import Bench, Figure, in_turns
from benchmarks.people import organization_with
from deployments.http_sink import ACCOUNTS
from models.rules.ids import new_id
from models.session import Database, Role
from models.settings import Settings
from models.store.runs import campaign_totals
from models.store.sender_ids import add_verified_sender_id
from models.tables import Campaign, Run
from tasks.providers.account import parse_account
from tasks.providers.base import OutgoingMessage
from tasks.providers.http_provider import Vendor
from tasks.providers.vendors import twilio
from tasks.runs.accept import accept_campaign
from tasks.runs.plan import plan_campaign

_SMS = 20_000
_LATENCY_MS = 50
_CONNECTIONS = 100
_SENDER = "EXOSMS"
_TEXT = "Hi {{ first_name }}, {{ company }} has news for you today."


def measure_http_providers(bench: Bench) -> list[Figure]:
    """SMS one by one."""
    database = Database(bench.settings, Role.ENGINE)
    try:
        return [_one_by_one(bench, database)]
    finally:
        database.close()


def _one_by_one(bench: Bench, database: Database) -> Figure:
    count = bench.amount(_SMS)
    organization_id, list_id = organization_with(database, count * 10 // 7, suppressed=False)  # seven of ten: phones
    with database.transaction(None) as session:
        add_verified_sender_id(session, organization_id, _SENDER)
    with _api(bench.folder, "twilio", "--delay", str(_LATENCY_MS)) as port:
        url = _url("twilio", port, _CONNECTIONS)
        settings = bench.settings.with_values(sms_url=url)
        start = partial(_sms_campaign, database, settings, organization_id, list_id)
        product = partial(_product, bench, database, settings, start)
        vendor = twilio.Twilio(parse_account("EXOSEND_SMS_URL", url))
        planned = _planned(database, settings, start)
        requests = prepared(vendor, _texts(database, planned))
        limit = partial(_limit, port, requests, _CONNECTIONS)
        seconds, limits = in_turns(bench.rounds, product, limit)
    return Figure(
        name=f"HTTP provider, a call each, {_LATENCY_MS} ms",
        limit_name="bare client, as many in flight",
        amount=len(requests),
        unit="messages",
        product_seconds=seconds,
        limit_seconds=limits,
        compare="speed",
        notes={"in flight": _CONNECTIONS},
    )


def prepared(vendor: Vendor, messages: Sequence[OutgoingMessage]) -> list[bytes]:
    """The requests as they are on the wire."""
    headers = (("Host", vendor.server.authority), *vendor.server.headers)
    requests = []
    for call in vendor.calls(messages):
        lines = [f"POST {call.request.target} HTTP/1.1"]
        lines += [f"{name}: {value}" for name, value in (*headers, *call.request.headers)]
        lines += [f"Content-Length: {len(call.request.body)}", "", ""]
        requests.append("\r\n".join(lines).encode("ascii") + call.request.body)
    return requests


def _product(bench: Bench, database: Database, settings: Settings, start: Callable[[], Run]) -> float:
    run = _planned(database, settings, start)
    bench.settle()
    [(began, ended)] = in_children(1, send_run_here, settings, run.id)
    with database.transaction(None) as session:
        totals = campaign_totals(session, run.organization_id, [run.id])[run.id]
        left = session.execute(
            text("SELECT count(*) FROM messages WHERE run_id = :id AND state <> 'accepted'"), {"id": run.id}
        ).scalar_one()
    assert left == 0, f"{left} were not accepted; {totals}"
    return ended - began


def _limit(port: int, requests: Sequence[bytes], connections: int) -> float:
    began = time.perf_counter()
    send_prepared(port, requests, connections=connections)
    return time.perf_counter() - began


def _planned(database: Database, settings: Settings, start: Callable[[], Run]) -> Run:
    run = start()
    assert plan_campaign(database, run.id, settings) is not None
    return run


def _sms_campaign(database: Database, settings: Settings, organization_id: UUID, list_id: UUID) -> Run:
    with database.transaction(organization_id) as session:
        campaign = Campaign(
            id=new_id(),
            organization_id=organization_id,
            channel="sms",
            name="News",
            text_content=_TEXT,
            target_list_ids=[list_id],
            batch_size=500,
        )
        session.add(campaign)
        session.flush()
        return accept_campaign(session, organization_id, campaign.id, settings=settings, started_by="benchmark")


def _texts(database: Database, run: Run) -> list[OutgoingMessage]:
    """Messages to the run's recipients, as long as its own."""
    with database.transaction(None) as session:
        rows = session.execute(text("SELECT id, recipient FROM messages WHERE run_id = :id"), {"id": run.id}).all()
    words = _TEXT.replace("{{ first_name }}", "Marta").replace("{{ company }}", "Initech").encode()
    return [OutgoingMessage(row.id, _SENDER, row.recipient, words) for row in rows]


def _url(vendor: str, port: int, connections: int) -> str:
    return f"{vendor}://{ACCOUNTS[vendor]}@127.0.0.1:{port}?tls=off&connections={connections}"


@contextlib.contextmanager
def _api(folder: Path, vendor: str, *options: str) -> Iterator[int]:
    log = folder / f"{vendor}.jsonl"
    command = [sys.executable, "-m", "deployments.http_sink", vendor, "--log", str(log), *options]
    server = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    try:
        yield int(server.stdout.readline().rsplit(":", 1)[1])
    finally:
        server.terminate()
        server.wait(timeout=10)
        server.stdout.close()
