"""Where organizations are told of events."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from api.arguments import Arguments
from api.blueprint import Blueprint
from api.idempotency import keep_without
from api.schemas.envelopes import Nothing, answer_of, array_of, done, found, listed, page_of, page_request
from api.schemas.webhook_endpoints import (
    DeliveryQuery,
    DeliverySchema,
    NewWebhookEndpoint,
    ReplayedSchema,
    ReplayRequest,
    WebhookEndpointChange,
    WebhookEndpointSchema,
    WebhookEndpointWithSecretSchema,
)
from api.scope import own, resources
from models.encryption import encrypt
from models.errors import IllegalState, InvalidInput
from models.rules.ids import new_id
from models.rules.schedule import resolve_scheduled_at
from models.rules.webhook_url import parse_webhook_url
from models.rules.webhooks import TEST_EVENT, DeliveryStatus
from models.store import webhook_deliveries, webhook_endpoints
from models.store.webhook_deliveries import WebhookEvent
from models.store.webhook_endpoints import Listener
from models.tables import WebhookDelivery, WebhookEndpoint
from tasks.webhooks.signing import new_secret

blueprint = Blueprint(
    "Webhooks", __name__, "Events as they happen, by signed requests to endpoints of yours (Standard Webhooks)."
)

_SECRET = "secret"  # noqa: S105 a field's name
_LOST = (DeliveryStatus.FAILED, DeliveryStatus.DROPPED)


@blueprint.route("/webhook-endpoints")
@blueprint.response(200, array_of(WebhookEndpointSchema))
def list_webhook_endpoints() -> dict[str, Any]:
    """List webhook endpoints

    Newest first.
    """
    return found(webhook_endpoints.list_endpoints(*own()))


@blueprint.route("/webhook-endpoints", methods=["POST"])
@blueprint.arguments(NewWebhookEndpoint)
@blueprint.response(201, answer_of(WebhookEndpointWithSecretSchema, mutation=True))
def create_webhook_endpoint(arguments: Arguments) -> dict[str, Any]:
    """Create a webhook endpoint

    The answer has its secret, which is not shown again.
    """
    values = _checked(arguments)
    is_active = values.get("is_active") is not False
    secret = new_secret()
    columns = {**values, "is_active": is_active, "secret": encrypt(resources().settings, secret.encode())}
    endpoint = webhook_endpoints.create_endpoint(*own(), columns)
    return done(_with_secret(endpoint, secret), "Webhook endpoint created.")


@blueprint.route("/webhook-endpoints/<id:endpoint_id>")
@blueprint.response(200, answer_of(WebhookEndpointSchema))
def get_webhook_endpoint(endpoint_id: UUID) -> dict[str, Any]:
    """Read a webhook endpoint

    And how it does: since when it fails, and whether it was switched off.
    """
    return found(webhook_endpoints.read_endpoint(*own(), endpoint_id))


@blueprint.route("/webhook-endpoints/<id:endpoint_id>", methods=["PUT"])
@blueprint.arguments(WebhookEndpointChange)
@blueprint.response(200, answer_of(WebhookEndpointSchema, mutation=True))
def update_webhook_endpoint(arguments: Arguments, endpoint_id: UUID) -> dict[str, Any]:
    """Update a webhook endpoint

    What is left out stays. What waits for one that is switched off goes out when it is switched on again.
    """
    webhook_endpoints.read_endpoint(*own(), endpoint_id)
    changed = webhook_endpoints.update_endpoint(*own(), endpoint_id, _checked(arguments))
    return done(changed, "Webhook endpoint updated.")


@blueprint.route("/webhook-endpoints/<id:endpoint_id>", methods=["DELETE"])
@blueprint.response(200, Nothing)
def delete_webhook_endpoint(endpoint_id: UUID) -> dict[str, Any]:
    """Delete a webhook endpoint

    With all that it was told, and was still to be told.
    """
    webhook_endpoints.delete_endpoint(*own(), endpoint_id)
    return done(None, "Webhook endpoint deleted.")


@blueprint.route("/webhook-endpoints/<id:endpoint_id>/rotate-secret", methods=["POST"])
@blueprint.response(200, answer_of(WebhookEndpointWithSecretSchema, mutation=True))
def rotate_webhook_secret(endpoint_id: UUID) -> dict[str, Any]:
    """Replace the secret

    The answer has the new one. For 24 hours the one before signs as well: requests have two signatures.
    """
    secret = new_secret()
    stored = encrypt(resources().settings, secret.encode())
    endpoint = webhook_endpoints.rotate_secret(*own(), endpoint_id, stored)
    return done(_with_secret(endpoint, secret), "Webhook secret replaced.")


@blueprint.route("/webhook-endpoints/<id:endpoint_id>/test", methods=["POST"])
@blueprint.response(202, answer_of(DeliverySchema, mutation=True))
def test_webhook_endpoint(endpoint_id: UUID) -> dict[str, Any]:
    """Send a test event

    `webhook.test`, whatever the endpoint asks for; the delivery says what came of it.
    """
    endpoint = _active(endpoint_id)
    event = WebhookEvent(new_id(), TEST_EVENT, datetime.now(UTC), {"endpoint_id": endpoint.id})
    listener = Listener(endpoint.id, endpoint.organization_id, frozenset())
    (delivery_id,) = webhook_deliveries.enqueue(own().session, [(listener, event)])
    webhook_endpoints.end_rest(*own(), endpoint_id)
    return done(_shown(webhook_deliveries.read_delivery(*own(), endpoint_id, delivery_id)), "Test event queued.")


@blueprint.route("/webhook-endpoints/<id:endpoint_id>/deliveries")
@blueprint.arguments(DeliveryQuery, location="query")
@blueprint.response(200, page_of(DeliverySchema))
def list_webhook_deliveries(arguments: Arguments, endpoint_id: UUID) -> dict[str, Any]:
    """List deliveries

    What the endpoint was told in the last 7 days, and what it is still to be told; newest first.
    """
    webhook_endpoints.read_endpoint(*own(), endpoint_id)
    query = arguments()
    page = webhook_deliveries.list_deliveries(
        *own(), endpoint_id, page_request(query), status=query.get("status"), event_type=query.get("event_type")
    )
    return listed(page, lambda items: [_shown(each) for each in items])


@blueprint.route("/webhook-endpoints/<id:endpoint_id>/deliveries/<id:delivery_id>")
@blueprint.response(200, answer_of(DeliverySchema))
def get_webhook_delivery(endpoint_id: UUID, delivery_id: UUID) -> dict[str, Any]:
    """Read a delivery

    With its last tries.
    """
    return found(_shown(webhook_deliveries.read_delivery(*own(), endpoint_id, delivery_id)))


@blueprint.route(
    "/webhook-endpoints/<id:endpoint_id>/deliveries/<id:delivery_id>/replay", methods=["POST"], errors=(409,)
)
@blueprint.response(202, answer_of(DeliverySchema, mutation=True))
def replay_webhook_delivery(endpoint_id: UUID, delivery_id: UUID) -> dict[str, Any]:
    """Tell an event again

    Whatever became of it; under the same `webhook-id`, and with all its tries.
    """
    webhook_deliveries.read_delivery(*own(), endpoint_id, delivery_id)
    _active(endpoint_id)
    delivery = webhook_deliveries.replay(*own(), endpoint_id, delivery_id)
    webhook_endpoints.end_rest(*own(), endpoint_id)
    return done(_shown(delivery), "Event queued again.")


@blueprint.route("/webhook-endpoints/<id:endpoint_id>/replay", methods=["POST"], errors=(409,))
@blueprint.arguments(ReplayRequest)
@blueprint.response(202, answer_of(ReplayedSchema, mutation=True))
def replay_webhook_deliveries(arguments: Arguments, endpoint_id: UUID) -> dict[str, Any]:
    """Tell again what was missed

    What failed or was dropped since then, of the last 7 days: 10,000 events at most, the oldest.
    """
    webhook_endpoints.read_endpoint(*own(), endpoint_id)
    values = arguments()
    since = _since(values["since"])
    _active(endpoint_id)
    statuses = [values["status"]] if values.get("status") else [status.value for status in _LOST]
    replayed = webhook_deliveries.replay_since(*own(), endpoint_id, since, statuses)
    webhook_endpoints.end_rest(*own(), endpoint_id)
    return done({"replayed": replayed}, "Events queued again.")


def _checked(arguments: Arguments) -> dict[str, Any]:
    """The values, each event type once. Raises InvalidInput, on an address that cannot be used too."""
    values, errors = arguments.partly()
    if "url" in values:
        try:
            parse_webhook_url(values["url"], loopback=resources().settings.webhooks_to_loopback)
        except ValueError as error:
            errors = {"url": [f"The url field {error}."], **errors}
    if errors:
        raise InvalidInput(errors)
    if "event_types" in values:
        values["event_types"] = list(dict.fromkeys(values["event_types"]))
    return values


def _active(endpoint_id: UUID) -> WebhookEndpoint:
    endpoint = webhook_endpoints.read_endpoint(*own(), endpoint_id)
    if not endpoint.is_active:
        raise IllegalState("The webhook endpoint is switched off.", code="endpoint_inactive", current_status="inactive")
    return endpoint


def _since(written: str) -> datetime:
    since = resolve_scheduled_at(written, field="since")
    if since > datetime.now(UTC):
        raise InvalidInput({"since": ["The since field must be a date in the past."]})
    return since


def _with_secret(endpoint: WebhookEndpoint, secret: str) -> dict[str, Any]:
    keep_without(_SECRET)
    names = (name for name in WebhookEndpointSchema._declared_fields)
    return {**{name: getattr(endpoint, name) for name in names}, _SECRET: secret}


def _shown(delivery: WebhookDelivery) -> dict[str, Any]:
    waits = delivery.status == DeliveryStatus.PENDING
    return {
        "id": delivery.id,
        "event_id": delivery.event_id,
        "event_type": delivery.event_type,
        "status": delivery.status,
        "attempts": delivery.attempts,
        "payload": delivery.payload,
        "next_attempt_at": delivery.due_at if waits else None,
        "created_at": delivery.created_at,
        "finished_at": delivery.finished_at,
    }
