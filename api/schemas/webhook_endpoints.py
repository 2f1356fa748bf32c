"""Webhook endpoints in requests and answers."""

from marshmallow import Schema, fields, validate

from api.schemas.envelopes import PageQuery
from api.schemas.fields import REQUIRED, Choice, Flag, Identifier, Input, Text, Time
from models.rules.webhook_url import LONGEST
from models.rules.webhooks import ATTEMPTS_SHOWN, KEPT_DAYS, REPLAY_MAX, TEST_EVENT, DeliveryStatus, EventType

REPLAYABLE = (DeliveryStatus.FAILED, DeliveryStatus.DROPPED, DeliveryStatus.DELIVERED)
_URL = {
    "description": "https, to port 443 or one from 1024 on, of a host of the public internet; no user, no fragment.",
    "example": "https://hooks.example.com/exosend",
}
_TYPES = {
    "description": "What to tell, out of the events under Webhooks; nothing else is told.",
    "example": [EventType.EMAIL_DELIVERED.value, EventType.EMAIL_BOUNCED.value],
    "minItems": 1,
}


class EventTypes(fields.List[str]):
    """At least one of the types there are."""

    default_error_messages = {  # noqa: RUF012
        "required": REQUIRED,
        "null": REQUIRED,
        "invalid": "The :field field must be an array.",
    }

    def __init__(self, *, required: bool = False) -> None:
        rules = [
            validate.Length(min=1, error=REQUIRED),
            validate.Length(max=100, error="The :field field must not have more than 100 items."),
        ]
        super().__init__(Choice(list(EventType)), required=required, validate=rules, metadata=_TYPES)


class NewWebhookEndpoint(Input):
    """An endpoint to create."""

    url = Text(LONGEST, required=True, metadata=_URL)
    description = Text(1000, allow_none=True)
    event_types = EventTypes(required=True)
    is_active = Flag(allow_none=True, metadata={"description": "Left out: true."})


class WebhookEndpointChange(Input):
    """What to change of an endpoint; what is left out stays."""

    url = Text(LONGEST, metadata=_URL)
    description = Text(1000, allow_none=True)
    event_types = EventTypes()
    is_active = Flag(metadata={"description": "true also switches on what was switched off for its failures."})


class WebhookEndpointSchema(Schema):
    """Where events are told."""

    id = Identifier(required=True)
    url = fields.String(required=True)
    description = fields.String(required=True, allow_none=True)
    event_types = fields.List(fields.String(), required=True, metadata={"example": _TYPES["example"]})
    is_active = fields.Boolean(required=True)
    disabled_at = Time(required=True, allow_none=True)
    disabled_reason = fields.String(
        required=True, allow_none=True, metadata={"description": "Why it was switched off, if not by its owner."}
    )
    failing_since = Time(
        required=True, allow_none=True, metadata={"description": "Since when nothing has got through."}
    )
    dropped = fields.Integer(
        required=True, metadata={"description": "Events that were dropped, ever, since too many were waiting."}
    )
    previous_secret_until = Time(
        required=True, allow_none=True, metadata={"description": "How long the secret before signs as well."}
    )
    created_at = Time(required=True)
    updated_at = Time(required=True)


class WebhookEndpointWithSecretSchema(WebhookEndpointSchema):
    """An endpoint, and its secret, which is not shown again."""

    secret = fields.String(
        required=True,
        allow_none=True,
        metadata={
            "description": "What signatures are verified with. Null where the answer is repeated for an "
            "`Idempotency-Key`.",
            "example": "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD",
        },
    )


class DeliveryQuery(PageQuery):
    """Which deliveries to list."""

    status = Choice(list(DeliveryStatus), allow_none=True)
    event_type = Choice([*EventType, TEST_EVENT], allow_none=True)


class ReplayRequest(Input):
    """What to tell again."""

    since = Text(
        64,
        required=True,
        metadata={
            "description": "What happened from then on: a time in ISO 8601, UTC without an offset. "
            f"Events are kept {KEPT_DAYS} days.",
            "format": "date-time",
            "example": "2026-01-15T10:00:00Z",
        },
    )
    status = Choice(
        list(REPLAYABLE), allow_none=True, metadata={"description": "Left out: what failed and what was dropped."}
    )


class AttemptSchema(Schema):
    """One try: what was answered, or why nothing was."""

    at = fields.String(required=True, metadata={"format": "date-time"})
    status = fields.Integer(required=True, allow_none=True, metadata={"description": "The HTTP status."})
    error = fields.String(required=True, allow_none=True)
    body = fields.String(
        required=True, allow_none=True, metadata={"description": "The first 1,024 bytes of the answer."}
    )
    milliseconds = fields.Integer(required=True)


class DeliverySchema(Schema):
    """An event on its way to an endpoint."""

    id = Identifier(required=True)
    event_id = Identifier(required=True, metadata={"description": "The `webhook-id`: the same on each try."})
    event_type = fields.String(required=True, metadata={"example": EventType.EMAIL_DELIVERED.value})
    status = Choice(list(DeliveryStatus), required=True)
    attempts = fields.List(
        fields.Nested(AttemptSchema),
        required=True,
        metadata={"description": f"The last {ATTEMPTS_SHOWN}, the oldest first."},
    )
    payload = fields.String(required=True, metadata={"description": "The body, as it is signed."})
    next_attempt_at = Time(required=True, allow_none=True)
    created_at = Time(required=True)
    finished_at = Time(required=True, allow_none=True)


class ReplayedSchema(Schema):
    """How many are told again."""

    replayed = fields.Integer(
        required=True, metadata={"description": f"{REPLAY_MAX:,} at most: the oldest; ask again for the others."}
    )
