"""The webhook endpoints of organizations, and who wants to be told what."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import delete, func, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from models.errors import InvalidInput, NotFound
from models.rules.ids import new_id
from models.rules.webhooks import ENDPOINTS_MAX, PREVIOUS_SECRET_HOURS
from models.session import driver
from models.tables import WebhookEndpoint

# What an endpoint that works has: it is as if it had never failed.
_WELL: Mapping[str, Any] = {"failures": 0, "failing_since": None, "rest_until": None}


def list_endpoints(session: Session, organization_id: UUID) -> Sequence[WebhookEndpoint]:
    """The organization's endpoints, newest first."""
    chosen = select(WebhookEndpoint).where(WebhookEndpoint.organization_id == organization_id)
    ordered = chosen.order_by(WebhookEndpoint.created_at.desc(), WebhookEndpoint.id.desc())
    return session.execute(ordered).scalars().all()


def read_endpoint(session: Session, organization_id: UUID, endpoint_id: UUID, *, lock: bool = False) -> WebhookEndpoint:
    """An endpoint. Raises NotFound."""
    chosen = select(WebhookEndpoint).where(
        WebhookEndpoint.organization_id == organization_id, WebhookEndpoint.id == endpoint_id
    )
    if lock:
        chosen = chosen.with_for_update().execution_options(populate_existing=True)
    found = session.execute(chosen).scalar_one_or_none()
    if found is None:
        raise NotFound
    return found


def create_endpoint(session: Session, organization_id: UUID, values: Mapping[str, Any]) -> WebhookEndpoint:
    """A new endpoint. Raises InvalidInput on `url` when the organization has too many."""
    session.execute(  # of two requests at once the second one counts what the first one made
        text("SELECT pg_advisory_xact_lock(hashtextextended('webhook_endpoints:' || :id, 0))"),
        {"id": str(organization_id)},
    )
    have = select(func.count()).where(WebhookEndpoint.organization_id == organization_id)
    if session.execute(have).scalar_one() >= ENDPOINTS_MAX:
        raise InvalidInput({"url": [f"An organization must not have more than {ENDPOINTS_MAX} webhook endpoints."]})
    return session.execute(
        insert(WebhookEndpoint)
        .values(organization_id=organization_id, id=new_id(), **values)
        .returning(WebhookEndpoint)
    ).scalar_one()


def update_endpoint(
    session: Session, organization_id: UUID, endpoint_id: UUID, values: Mapping[str, Any]
) -> WebhookEndpoint:
    """Change what is in `values`. Another address, or switching it on, forgets how it failed. Raises NotFound."""
    changed = dict(values)
    if "url" in changed or changed.get("is_active"):
        changed |= _WELL
    if changed.get("is_active"):
        changed |= {"disabled_at": None, "disabled_reason": None}
    return _updated(session, organization_id, endpoint_id, changed)


def rotate_secret(session: Session, organization_id: UUID, endpoint_id: UUID, secret: bytes) -> WebhookEndpoint:
    """Give it a new secret; for a day the one before signs too. Raises NotFound."""
    until = func.now() + timedelta(hours=PREVIOUS_SECRET_HOURS)
    values = {"secret": secret, "previous_secret": WebhookEndpoint.secret, "previous_secret_until": until}
    return _updated(session, organization_id, endpoint_id, values)


def end_rest(session: Session, organization_id: UUID, endpoint_id: UUID) -> None:
    """Try it again at once: somebody asked for it."""
    session.execute(
        update(WebhookEndpoint)
        .where(WebhookEndpoint.organization_id == organization_id, WebhookEndpoint.id == endpoint_id)
        .values(rest_until=None)
    )


def _updated(session: Session, organization_id: UUID, endpoint_id: UUID, values: Mapping[str, Any]) -> WebhookEndpoint:
    endpoint = session.execute(
        update(WebhookEndpoint)
        .where(WebhookEndpoint.organization_id == organization_id, WebhookEndpoint.id == endpoint_id)
        .values(**values, updated_at=func.now())
        .returning(WebhookEndpoint)
        .execution_options(populate_existing=True)
    ).scalar_one_or_none()
    if endpoint is None:
        raise NotFound
    return endpoint


def delete_endpoint(session: Session, organization_id: UUID, endpoint_id: UUID) -> None:
    """Remove it; what it was to be told goes with it, a little later. Raises NotFound."""
    removed = session.execute(
        delete(WebhookEndpoint)
        .where(WebhookEndpoint.organization_id == organization_id, WebhookEndpoint.id == endpoint_id)
        .returning(WebhookEndpoint.id)
    ).one_or_none()
    if removed is None:
        raise NotFound


@dataclass(frozen=True, slots=True)
class Listener:
    """An active endpoint, and what it wants to be told."""

    endpoint_id: UUID
    organization_id: UUID
    event_types: frozenset[str]


def find_listeners(session: Session, organization_ids: Collection[UUID]) -> dict[UUID, list[Listener]]:
    """The active endpoints of these organizations, by organization; those that have none are not in it."""
    found: dict[UUID, list[Listener]] = {}
    rows = driver(session).execute(
        "SELECT id, organization_id, event_types FROM webhook_endpoints WHERE organization_id = ANY(%s) AND is_active",
        [list(organization_ids)],
    )
    for endpoint_id, organization_id, types in rows:
        found.setdefault(organization_id, []).append(Listener(endpoint_id, organization_id, frozenset(types)))
    return found
