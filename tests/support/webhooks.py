"""Webhook endpoints for tests of the engine, and couriers that tell them."""

import contextlib
import threading
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import orjson
import uvloop
from sqlalchemy import select, text

from api.documentation.webhooks import EXAMPLES
from models.encryption import encrypt
from models.rules.ids import new_id
from models.rules.webhooks import EventType
from models.session import Database
from models.settings import Settings
from models.store.webhook_deliveries import WebhookEvent, enqueue
from models.store.webhook_endpoints import Listener, create_endpoint
from models.tables import WebhookDelivery, WebhookEndpoint
from tasks.webhooks.delivering import WebhookSender
from tasks.webhooks.posting import Poster
from tasks.webhooks.signing import new_secret

ENDPOINT = {"url": "https://hooks.example.com/exosend", "event_types": ["email.delivered"]}
_PATIENCE_SECONDS = 30.0


def add_endpoint(
    database: Database, settings: Settings, organization_id: UUID, url: str, types: Sequence[EventType]
) -> tuple[UUID, str]:
    """An endpoint for these events; its id and its secret."""
    secret = new_secret()
    values = {"url": url, "event_types": [type_.value for type_ in types], "secret": encrypt(settings, secret.encode())}
    with database.transaction(None) as session:
        return create_endpoint(session, organization_id, values).id, secret


def put_events(database: Database, organization_id: UUID, endpoint_id: UUID, count: int = 1) -> list[str]:
    """Events that wait for an endpoint; their ids."""
    listener = Listener(endpoint_id, organization_id, frozenset())
    events = [WebhookEvent(new_id(), "webhook.test", datetime.now(UTC), {"no": no}) for no in range(count)]
    with database.transaction(None) as session:
        enqueue(session, [(listener, event) for event in events])
    return [str(event.id) for event in events]


def deliveries(database: Database, endpoint_id: UUID) -> list[WebhookDelivery]:
    """All of an endpoint, the oldest first."""
    with database.transaction(None) as session:
        chosen = select(WebhookDelivery).where(WebhookDelivery.endpoint_id == endpoint_id)
        return list(session.execute(chosen.order_by(WebhookDelivery.id)).scalars())


def endpoint_of(database: Database, endpoint_id: UUID) -> WebhookEndpoint:
    """The endpoint as it is now."""
    with database.transaction(None) as session:
        return session.get_one(WebhookEndpoint, endpoint_id)


def make_due(database: Database) -> None:
    """All that waits for its next try is due, and no endpoint rests."""
    with database.transaction(None) as session:
        session.execute(text("UPDATE webhook_deliveries SET due_at = now() WHERE status = 'pending'"))
        session.execute(text("UPDATE webhook_endpoints SET rest_until = NULL"))


def told(database: Database, organization_id: UUID) -> list[tuple[str, dict[str, Any]]]:
    """(type, data) of all that is or was told to the organization, in order."""
    with database.transaction(None) as session:
        payloads = session.execute(
            select(WebhookDelivery.payload)
            .where(WebhookDelivery.organization_id == organization_id)
            .order_by(WebhookDelivery.id)
        ).scalars()
        return [(body["type"], body["data"]) for body in map(orjson.loads, payloads)]


@contextlib.contextmanager
def telling(
    database: Database, settings: Settings, poster: Poster | None = None, *, last_seconds: float = 15.0
) -> Iterator[WebhookSender]:
    """A sender of webhooks at work, ended at the end: what is out then has so long."""
    sender = WebhookSender(database, settings, poster, last_seconds=last_seconds)
    thread = threading.Thread(target=lambda: uvloop.run(sender.run()))
    thread.start()
    try:
        yield sender
    finally:
        sender.stop()
        thread.join(timeout=_PATIENCE_SECONDS)
        assert not thread.is_alive(), "It hangs."


def remove_endpoints(database: Database, organization_id: UUID) -> None:
    """So that it may make others: an organization has few."""
    with database.transaction(None) as session:
        session.execute(text("DELETE FROM webhook_endpoints WHERE organization_id = :id"), {"id": organization_id})


def queue_test_event(call: Callable[..., Any]) -> str:
    """Have a test event sent to an endpoint, made if there is none, by an API's client; the delivery's id."""
    known = call("GET", "/webhook-endpoints").json()["data"]
    endpoint = known[0] if known else call("POST", "/webhook-endpoints", json=ENDPOINT).json()["data"]
    return str(call("POST", f"/webhook-endpoints/{endpoint['id']}/test").json()["data"]["id"])


EVENTS_BEGIN, EVENTS_END = "<!-- the events begin -->\n", "<!-- the events end -->\n"
_OF_ALL = {"id", "to_email", "recipient", "campaign_id", "batch_id", "metadata", "segments"}


def events_table() -> str:
    """The table in docs/webhooks.md: the events as the description of the API has them."""
    rows = ["| event | when | what `data` has besides |\n", "|---|---|---|\n"]
    for type_, (summary, data) in EXAMPLES.items():
        common = _OF_ALL if type_.startswith(("email.", "sms.")) and type_ != EventType.SMS_RECEIVED else set()
        fields = ", ".join(f"`{name}`" for name in data if name not in common)
        rows.append(f"| `{type_}` | {summary.replace('|', '')} | {fields} |\n")
    return "".join(rows)
