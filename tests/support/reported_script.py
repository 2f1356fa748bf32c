"""What became of each message of a campaign, as a script, and what has to agree with it."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import text

from models.rules.reports import ReportKind
from models.tables import Run
from tasks.providers.callbacks import ProviderEvent
from tasks.runs.reconcile import reconcile
from tests.support.callers import Caller
from tests.support.engine import Engine
from tests.support.webhooks import told

_STATUSES = {"hard bounce": "bounced", "complaint": "complained", "farewell": "unsubscribed"}
_REASONS = {"hard bounce": "hard_bounce", "complaint": "complaint", "farewell": "unsubscribed"}


@dataclass(frozen=True, slots=True)
class Scripted:
    """A message, what becomes of it, and what is told of it."""

    id: UUID
    recipient: str
    fate: str
    events: tuple[ProviderEvent, ...]


def agree_with(script: Sequence[Scripted], engine: Engine, caller: Caller, run: Run) -> None:
    """Analytics, contacts, suppressions, ledger, the events that are kept and what webhook endpoints are told."""
    fates = Counter(message.fate for message in script)
    events = [event for message in script for event in message.events]
    opened = sum(fates[fate] for fate in ("read", "clicked", "complaint", "farewell"))
    bounced = fates["hard bounce"] + fates["soft bounce"]
    agree_analytics(
        caller,
        run,
        total_sent=fates.total(),
        total_delivered=fates.total() - bounced,
        total_opened=opened,
        total_clicked=fates["clicked"],
        total_bounced=bounced,
        total_complained=fates["complaint"],
    )
    _agree_links(events, caller, run)
    readers = _get(caller, f"/analytics/campaigns/{run.campaign_id}/devices")
    assert [(each["client"], each["count"]) for each in readers["clients"]] == [("Thunderbird", opened)]
    agree_people({message.recipient: message.fate for message in script}, engine)
    _agree_told(events, engine)
    agree_money(len(script), engine)


def agree_analytics(caller: Caller, run: Run, **expected: int) -> None:
    """The campaign's, and those of the period, in which there was nothing else."""
    for path in (f"/analytics/campaigns/{run.campaign_id}", "/analytics/overview"):
        shown = _get(caller, path)
        assert {name: shown[name] for name in expected} == expected


def agree_people(fates: dict[str, str], engine: Engine) -> None:
    """Contacts and suppressions, by recipient's fates."""
    of_organization = {"id": engine.organization_id}
    with engine.database.transaction(None) as session:
        contacts = session.execute(
            text("SELECT email, status FROM contacts WHERE organization_id = :id"), of_organization
        )
        assert {row.email: row.status for row in contacts} == {
            recipient: _STATUSES.get(fate, "active") for recipient, fate in fates.items()
        }
        suppressed = session.execute(
            text("SELECT recipient, reason FROM suppressions WHERE organization_id = :id"), of_organization
        )
        assert {row.recipient: row.reason for row in suppressed} == {
            recipient: _REASONS[fate] for recipient, fate in fates.items() if fate in _REASONS
        }


def agree_money(accepted: int, engine: Engine) -> None:
    """What was accepted is paid, come what may."""
    assert engine.balance() == Decimal(1000) - Decimal("0.01") * accepted
    assert (books := reconcile(engine.database, engine.organization_id)).is_clean, books.summary


def _agree_links(events: Sequence[ProviderEvent], caller: Caller, run: Run) -> None:
    clicks = [event for event in events if event.kind is ReportKind.CLICKED]
    links = {link["url"]: link for link in _get(caller, f"/analytics/campaigns/{run.campaign_id}/links")}
    for url in {str(event.payload["url"]) for event in clicks}:
        of_link = [event.message_id for event in clicks if event.payload["url"] == url]
        assert (links[url]["total_clicks"], links[url]["unique_clicks"]) == (len(of_link), len(set(of_link)))


def _agree_told(events: Sequence[ProviderEvent], engine: Engine) -> None:
    """Each event is kept once, and told to endpoints once."""
    happened = Counter((event.message_id, event.kind.value) for event in events)
    with engine.database.transaction(None) as session:
        rows = session.execute(
            text("SELECT message_id, kind FROM events WHERE organization_id = :id"), {"id": engine.organization_id}
        )
        assert Counter((row.message_id, row.kind) for row in rows) == happened
    sent = Counter({(id_, "sent"): 1 for id_ in {event.message_id for event in events}})
    said = Counter(
        (UUID(data["id"]), type_.removeprefix("email."))
        for type_, data in told(engine.database, engine.organization_id)
    )
    assert said == happened + sent


def _get(caller: Caller, path: str) -> Any:
    answer = caller.app.test_client().get(f"/api/v1{path}", headers={"Authorization": f"Bearer {caller.token}"})
    assert answer.status_code == 200, answer.text
    return answer.get_json()["data"]
