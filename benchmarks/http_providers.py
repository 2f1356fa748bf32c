"""Dispatch by HTTP providers: one call for each message and 50 ms until its answer; one call for 1,000 messages.

Each beside a bare client that writes the same requests, prepared before, with as many in flight to the same server.
"""

import contextlib
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from sqlalchemy import text

from benchmarks.bare_http import send_prepared
from benchmarks.campaigns import start_campaign
from benchmarks.children import in_children
from benchmarks.dispatch import send_run_here
from benchmarks.measure import Bench, Figure, in_turns
from benchmarks.people import organization_with
from deployments.http_sink import ACCOUNTS
from models.rules.ids import new_id
from models.session import Database, Role
from models.settings import Settings
from models.store.messages import PlannedMessage
from models.store.runs import campaign_totals
from models.store.sender_ids import add_verified_sender_id
from models.tables import Campaign, Run
from tasks.providers.account import ProviderAccount, parse_account
from tasks.providers.base import OutgoingMessage
from tasks.providers.http_provider import Vendor
from tasks.providers.vendors import mailgun, twilio
from tasks.runs.accept import accept_campaign
from tasks.runs.plan import plan_campaign
from tasks.sending.composing import ContentComposers

_SMS = 20_000
_EMAILS = 100_000
_LATENCY_MS = 50
_CONNECTIONS = 100
_A_CALL = 1000
_SENDER = "EXOSMS"
_TEXT = "Hi {{ first_name }}, {{ company }} has news for you today."

_PLANNED = text(
    "SELECT id, position, recipient, variables::text, content_id FROM messages WHERE run_id = :id ORDER BY position"
)

StartRun = Callable[[Settings], Run]


def measure_http_providers(bench: Bench) -> list[Figure]:
    """SMS one by one, email by the thousand."""
    database = Database(bench.settings, Role.ENGINE)
    try:
        return [_one_by_one(bench, database), _by_the_thousand(bench, database)]
    finally:
        database.close()


def _one_by_one(bench: Bench, database: Database) -> Figure:
    contacts = bench.amount(_SMS) * 10 // 7  # seven of ten have a phone
    organization_id, list_id = organization_with(database, contacts, suppressed=False)
    with database.transaction(None) as session:
        add_verified_sender_id(session, organization_id, _SENDER)
    return _measure(
        bench,
        database,
        _Case("twilio", "sms", twilio.Twilio, f"HTTP provider, a call each, {_LATENCY_MS} ms", _CONNECTIONS),
        lambda settings: _sms_campaign(database, settings, organization_id, list_id),
    )


def _by_the_thousand(bench: Bench, database: Database) -> Figure:
    organization_id, list_id = organization_with(database, bench.amount(_EMAILS), suppressed=False)
    name = f"HTTP provider, {_A_CALL:,} in a call, {_LATENCY_MS} ms"
    return _measure(
        bench,
        database,
        _Case("mailgun", "email", mailgun.Mailgun, name, 1),  # a sender has one window out, which is one call
        lambda settings: start_campaign(database, settings, organization_id, list_id, {}, batch_size=_A_CALL),
    )


@dataclass(frozen=True, slots=True)
class _Case:
    scheme: str
    channel: str
    vendor: Callable[[ProviderAccount], Vendor]
    name: str
    in_flight: int


def _measure(bench: Bench, database: Database, case: _Case, start: StartRun) -> Figure:
    with _api(bench.folder, case.scheme, "--delay", str(_LATENCY_MS)) as port:
        url = f"{case.scheme}://{ACCOUNTS[case.scheme]}@127.0.0.1:{port}?tls=off&connections={case.in_flight}"
        settings = bench.settings.with_values(**{f"{case.channel}_url": url})
        vendor = case.vendor(parse_account("the benchmark's URL", url))
        messages = _messages(database, _planned(database, settings, start), merges=vendor.capabilities.merges)
        requests = [
            request
            for begin in range(0, len(messages), _A_CALL)
            for request in prepared(vendor, messages[begin : begin + _A_CALL])
        ]

        def limit() -> float:
            began = time.perf_counter()
            send_prepared(port, requests, connections=case.in_flight)
            return time.perf_counter() - began

        seconds, limits = in_turns(bench.rounds, lambda: _product(bench, database, settings, start), limit)
    return Figure(
        name=case.name,
        limit_name="bare client, as many in flight",
        amount=len(messages),
        unit="messages",
        product_seconds=seconds,
        limit_seconds=limits,
        compare="speed",
        notes={"in flight": case.in_flight, "calls": len(requests)},
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


def _product(bench: Bench, database: Database, settings: Settings, start: StartRun) -> float:
    run = _planned(database, settings, start)
    bench.settle()
    [(began, ended)] = in_children(1, send_run_here, settings, run.id)
    with database.transaction(None) as session:
        totals = campaign_totals(session, run.organization_id, [run.id])[run.id]
    assert totals.sent == totals.recipients > 0, totals
    return ended - began


def _planned(database: Database, settings: Settings, start: StartRun) -> Run:
    run = start(settings)
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


def planned_sms_run(database: Database, settings: Settings, organization_id: UUID, list_id: UUID) -> Run:
    """A campaign of SMS to everybody on a list, ready to be sent."""
    return _planned(database, settings, lambda chosen: _sms_campaign(database, chosen, organization_id, list_id))


def _messages(database: Database, run: Run, *, merges: bool) -> list[OutgoingMessage]:
    """What the run hands over."""
    with database.transaction(None) as session:
        rows = session.execute(_PLANNED, {"id": run.id}).all()
    planned = [
        PlannedMessage(row.id, row.position, row.recipient, row.variables, 0, 0.0, row.content_id, None) for row in rows
    ]
    composers = ContentComposers(database, literal_sms=False, merges=merges).load(planned)
    return [composers[message.content_id](message) for message in planned]


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
