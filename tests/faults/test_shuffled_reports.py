"""What providers report of a whole campaign, in whatever order and every event twice, as their signed requests say it.

The script of what became of each message is the witness: analytics, contacts, suppressions, ledger, the events that are
kept and what webhook endpoints are told have to agree with it exactly.
"""

import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from random import Random
from uuid import UUID

import pytest
from sqlalchemy import text

from api.webhooks import Door
from deployments.http_sink import CALLBACK_KEYS, CALLBACKS
from models.rules.reports import ReportKind
from models.rules.webhooks import EventType
from models.tables import Run
from tasks.providers.callback_reader import CallbackReader
from tasks.providers.callbacks import ProviderEvent
from tasks.reports.apply import apply_due
from tests.support.callers import Caller
from tests.support.engine import Engine
from tests.support.http_api import MAILGUN, POSTMARK, RESEND, SENDGRID, SES
from tests.support.http_runs import planned_run
from tests.support.invariants import examine
from tests.support.processes import provider_api
from tests.support.reported_script import Scripted, agree_with
from tests.support.webhooks import add_endpoint

WINDOW = 50
LINKS = ("https://shop.example.com/a", "https://shop.example.com/b?c=1")
READER = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:115.0) Gecko/20100101 Thunderbird/115.0"
PROXY = "Mozilla/5.0"  # Apple's Mail Privacy Protection
ASKED = [type_ for type_ in EventType if type_.startswith("email.")]
# What a vendor never tells: Resend has no event for who unsubscribes.
UNTOLD = {"resend": {ReportKind.UNSUBSCRIBED}}

# How often each fate is drawn, and the kinds that are reported of it, in the order in which they happened.
FATES = {
    "read": (40, ["delivered", "opened", "opened"]),
    "clicked": (20, ["delivered", "opened", "clicked", "clicked"]),
    "unread": (15, ["delivered"]),
    "fetched by a machine": (5, ["delivered", "machine"]),
    "hard bounce": (8, ["hard"]),
    "soft bounce": (4, ["soft"]),
    "complaint": (4, ["delivered", "opened", "complained"]),
    "farewell": (4, ["delivered", "opened", "unsubscribed"]),
}
_KINDS = {"hard": ReportKind.BOUNCED, "soft": ReportKind.BOUNCED, "machine": ReportKind.OPENED}


@pytest.mark.parametrize("vendor", [MAILGUN, SES, SENDGRID, POSTMARK, RESEND], ids=lambda vendor: vendor.name)
def test_reports_of_a_campaign_agree_with_what_happened(make_engine, call_as, tmp_path, trial, vendor):
    people = trial.of(short=60, long=10_000)
    with provider_api(vendor.name, tmp_path) as server:
        engine = make_engine(contacts=people, email_url=server.url, email_callback_keys=CALLBACK_KEYS[vendor.name])
        run = planned_run(engine, vendor, WINDOW)
        endpoint, _ = add_endpoint(
            engine.database, engine.settings, engine.organization_id, "https://hooks.example.com/e", ASKED
        )
        engine.send(run)
        assert engine.close(run) is not None
        found = examine(engine, run, server.accepted())
    script = _script(engine, run, trial.chance, UNTOLD.get(vendor.name, set()))
    caller = call_as(engine)
    requests = 0
    for _ in range(2):
        requests += _tell(caller, engine, vendor.name, script, trial.chance)
        while apply_due(engine.database):
            pass
    trial.write(f"reports shuffled, each of them twice ({vendor.name})", requests, found)
    assert endpoint
    agree_with(script, engine, caller, run)


def _script(engine: Engine, run: Run, chance: Random, untold: set[ReportKind]) -> list[Scripted]:
    """What becomes of each message, and what the provider will tell of it."""
    with engine.database.transaction(None) as session:
        rows = session.execute(
            text("SELECT id, recipient, provider_ref FROM messages WHERE run_id = :run ORDER BY position"),
            {"run": run.id},
        ).all()
    fates = [fate for fate, (_, kinds) in FATES.items() if not untold & {_kind(each) for each in kinds}]
    drawn = chance.choices(fates, [FATES[fate][0] for fate in fates], k=len(rows))
    drawn[: len(fates)] = fates  # each of them at least once
    return [
        Scripted(id_, recipient, fate, tuple(_events(id_, recipient, reference, FATES[fate][1], chance)))
        for (id_, recipient, reference), fate in zip(rows, drawn, strict=True)
    ]


def _kind(what: str) -> ReportKind:
    return _KINDS.get(what) or ReportKind(what)


def _events(id_: UUID, recipient: str, reference: str, kinds: Sequence[str], chance: Random) -> Iterator[ProviderEvent]:
    at = datetime.now(UTC).replace(microsecond=0) - timedelta(seconds=60)
    for no, what in enumerate(kinds):
        payload: dict[str, object] = {}
        if what in ("hard", "soft"):
            payload = {"bounce_type": what}
        elif what in ("opened", "clicked", "machine"):
            payload = {"user_agent": PROXY if what == "machine" else READER, "ip": "192.0.2.7"}
        if what == "clicked":
            payload["url"] = chance.choice(LINKS)
        yield ProviderEvent(
            "",
            _kind(what),
            at + timedelta(seconds=no),
            id_,
            provider_ref=reference,
            recipient=recipient,
            payload=payload,
        )


def _tell(caller: Caller, engine: Engine, vendor: str, script: Sequence[Scripted], chance: Random) -> int:
    """Every event once, in any order, as the vendor's requests; how many requests."""
    events = [event for message in script for event in message.events]
    chance.shuffle(events)
    path = f"/webhooks/{vendor}/default"
    at = datetime.now(UTC)
    requests = CALLBACKS[vendor](events, url=engine.settings.api_url + path, key=CALLBACK_KEYS[vendor], at=at)
    certificates = {request.certificate for request in requests} - {None}
    caller.app.extensions["exosend.webhooks"] = Door(reader=CallbackReader(lambda _: next(iter(certificates))))
    client = caller.app.test_client()
    for request in requests:
        answer = client.post(path, data=request.body, headers=dict(request.headers))
        while answer.status_code == 429:  # in this process it goes faster than an API would answer: as a vendor, later
            time.sleep(0.1)
            answer = client.post(path, data=request.body, headers=dict(request.headers))
        assert answer.status_code == 204, answer.text
    return len(requests)
