"""Events that are to be told to webhook endpoints: written in the transaction of what they tell, listed, replayed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from models.errors import NotFound
from models.rules.ids import made_on, new_id
from models.rules.lifecycle import CampaignStatus
from models.rules.schedule import format_time
from models.rules.webhooks import PAYLOAD_BYTES_MAX, REPLAY_MAX, EventType, campaign_event
from models.session import driver
from models.store.pages import Page, PageRequest
from models.store.webhook_endpoints import Listener, find_listeners
from models.tables import Campaign, EmailDomain, WebhookDelivery


@dataclass(frozen=True, slots=True)
class WebhookEvent:
    """Something to tell. `id` is the webhook-id: an event that has one already is told once."""

    id: UUID
    type: str
    at: datetime
    data: Mapping[str, Any]

    def payload(self) -> str:
        """What is signed and sent. Of one that is too long `metadata`, which the client knows, is left out."""
        whole = self._dump(self.data)
        if len(whole) > PAYLOAD_BYTES_MAX:
            whole = self._dump({**self.data, "metadata": None})
        return whole.decode()

    def _dump(self, data: Mapping[str, Any]) -> bytes:
        return orjson.dumps({"type": self.type, "timestamp": format_time(self.at), "data": data})


_ENQUEUE = """
INSERT INTO webhook_deliveries (endpoint_id, id, organization_id, event_id, event_type, payload)
SELECT * FROM unnest(%s::uuid[], %s::uuid[], %s::uuid[], %s::uuid[], %s::text[], %s::text[])
ON CONFLICT DO NOTHING
"""


def enqueue(session: Session, told: Sequence[tuple[Listener, WebhookEvent]]) -> list[UUID]:
    """Have each event told to its listener, once. The ids of the deliveries, in order; of one that was there already,
    an id of nothing."""
    if not told:
        return []
    ids = [new_id() for _ in told]
    payloads = {event.id: event.payload() for _, event in told}
    driver(session).execute(
        _ENQUEUE,
        [
            [listener.endpoint_id for listener, _ in told],
            ids,
            [listener.organization_id for listener, _ in told],
            [event.id for _, event in told],
            [event.type for _, event in told],
            [payloads[event.id] for _, event in told],
        ],
        prepare=False,
    )
    return ids


def tell(session: Session, organization_id: UUID, event: WebhookEvent) -> None:
    """Tell an event to all endpoints of the organization that ask for its type."""
    listeners = find_listeners(session, [organization_id]).get(organization_id, [])
    enqueue(session, [(each, event) for each in listeners if event.type in each.event_types])


def tell_campaign_moved(session: Session, campaign: Campaign, target: CampaignStatus, *, is_new_run: bool) -> None:
    """Tell that a campaign has moved to `target`."""
    event = campaign_event(target, is_new_run=is_new_run)
    if event is not None:
        data = {
            "id": campaign.id,
            "channel": campaign.channel,
            "name": campaign.name,
            "status": target.value,
            "reason": {
                CampaignStatus.PAUSED: campaign.pause_reason,
                CampaignStatus.FAILED: campaign.failure_reason,
            }.get(target),
        }
        tell(session, campaign.organization_id, WebhookEvent(new_id(), event, datetime.now(UTC), data))


def tell_domain_checked(session: Session, domain: EmailDomain) -> None:
    """Tell that a domain is verified now, or is no more."""
    event = EventType.DOMAIN_VERIFIED if domain.status == "verified" else EventType.DOMAIN_FAILED
    data = {
        "id": domain.id,
        "domain": domain.domain,
        "status": domain.status,
        "spf_verified": domain.spf_verified,
        "dkim_verified": domain.dkim_verified,
        "dmarc_verified": domain.dmarc_verified,
    }
    tell(session, domain.organization_id, WebhookEvent(new_id(), event, datetime.now(UTC), data))


@dataclass(frozen=True, slots=True)
class ToldMessage:
    """What is told of a message, whatever the event."""

    id: UUID
    organization_id: UUID
    state: str
    data: Mapping[str, Any]


_MESSAGES = """
SELECT m.id, m.organization_id, m.state, m.channel, m.recipient, m.metadata, m.segments, m.run_id, r.kind,
       r.campaign_id
FROM messages m LEFT JOIN runs r ON r.id = m.run_id
WHERE m.id = ANY(%s::uuid[]) AND m.made_on = ANY(%s::date[])
"""


def read_told_messages(session: Session, ids: Sequence[UUID]) -> dict[UUID, ToldMessage]:
    """The messages as events tell of them."""
    days = sorted({made_on(id_) for id_ in ids})
    rows = driver(session).execute(_MESSAGES, [list(ids), days], prepare=False)
    return {row[0]: ToldMessage(row[0], row[1], row[2], _told(row)) for row in rows}


def _told(row: tuple[Any, ...]) -> dict[str, Any]:
    id_, _, _, channel, recipient, metadata, segments, run_id, kind, campaign_id = row
    told: dict[str, Any] = {"id": id_, "to_email" if channel == "email" else "recipient": recipient}
    told["campaign_id"] = campaign_id
    if channel == "sms":
        return {**told, "segments": segments}
    return {**told, "batch_id": run_id if kind == "batch" else None, "metadata": metadata}


def list_deliveries(
    session: Session,
    organization_id: UUID,
    endpoint_id: UUID,
    request: PageRequest,
    *,
    status: str | None,
    event_type: str | None,
) -> Page[WebhookDelivery]:
    """What an endpoint was told, and what it is still to be told; newest first."""
    chosen = select(WebhookDelivery).where(
        WebhookDelivery.organization_id == organization_id, WebhookDelivery.endpoint_id == endpoint_id
    )
    if status is not None:
        chosen = chosen.where(WebhookDelivery.status == status)
    if event_type is not None:
        chosen = chosen.where(WebhookDelivery.event_type == event_type)
    total = session.execute(select(func.count()).select_from(chosen.subquery())).scalar_one()
    ordered = chosen.order_by(WebhookDelivery.id.desc()).offset(request.offset).limit(request.size)
    return Page(session.execute(ordered).scalars().all(), total, request)


def read_delivery(session: Session, organization_id: UUID, endpoint_id: UUID, delivery_id: UUID) -> WebhookDelivery:
    """One of them. Raises NotFound."""
    found = session.execute(
        select(WebhookDelivery)
        .where(
            WebhookDelivery.organization_id == organization_id,
            WebhookDelivery.endpoint_id == endpoint_id,
            WebhookDelivery.id == delivery_id,
        )
        .execution_options(populate_existing=True)
    ).scalar_one_or_none()
    if found is None:
        raise NotFound
    return found


# What is on its way just now is asked for again as well: its claim is over then, and its answer counts for nothing.
_REPLAY = """
UPDATE webhook_deliveries d
SET status = 'pending', tries = 0, due_at = now(), finished_at = NULL, claimed_until = NULL, fence = d.fence + 1
WHERE d.organization_id = %(organization)s AND d.endpoint_id = %(endpoint)s AND d.id = ANY(%(ids)s)
"""
_LOST_SINCE = """
SELECT id FROM webhook_deliveries
WHERE organization_id = %(organization)s AND endpoint_id = %(endpoint)s AND status = ANY(%(statuses)s)
  AND created_at >= %(since)s
ORDER BY id LIMIT %(most)s FOR UPDATE SKIP LOCKED
"""


def replay(session: Session, organization_id: UUID, endpoint_id: UUID, delivery_id: UUID) -> WebhookDelivery:
    """Tell it again, under the same id and with all its tries. Raises NotFound."""
    driver(session).execute(
        _REPLAY,
        {"organization": organization_id, "endpoint": endpoint_id, "ids": [delivery_id]},
    )
    return read_delivery(session, organization_id, endpoint_id, delivery_id)


def replay_since(
    session: Session, organization_id: UUID, endpoint_id: UUID, since: datetime, statuses: Sequence[str]
) -> int:
    """Tell again what became one of these since then, the oldest first, at most REPLAY_MAX; returns how many."""
    own = {"organization": organization_id, "endpoint": endpoint_id}
    chosen = {"statuses": list(statuses), "since": since, "most": REPLAY_MAX}
    rows = driver(session).execute(_LOST_SINCE, {**own, **chosen}).fetchall()
    return driver(session).execute(_REPLAY, {**own, "ids": [row[0] for row in rows]}).rowcount
