"""Uncertain messages in requests and answers."""

from marshmallow import Schema, fields

from api.schemas.fields import Amount, Choice, Identifier, Identifiers, Input, Time
from models.rules.uncertainty import Decision

DECISIONS = tuple(decision.value for decision in Decision)
MESSAGES_MAX = 10_000


class UncertainSchema(Schema):
    """A message that was handed over, and of which no answer is known."""

    message_id = Identifier(required=True)
    recipient = fields.String(required=True)
    since = Time(required=True)
    provider = fields.String(required=True, allow_none=True)
    error_code = fields.String(required=True, allow_none=True)
    error = fields.String(required=True, allow_none=True)
    cost = Amount(required=True)
    tries = fields.Integer(required=True)
    resends = fields.Integer(
        required=True, metadata={"description": "How often it went out again although nobody knew."}
    )
    is_held = fields.Boolean(required=True, metadata={"description": "It waits for people, or for a report."})
    decision = Choice(
        DECISIONS, required=True, allow_none=True, metadata={"description": "Made, and not carried out yet."}
    )


class Resolution(Input):
    """What is decided about uncertain messages."""

    action = Choice(
        DECISIONS,
        required=True,
        metadata={"description": "accept: stays charged. fail: refunded. resend: goes out again, flagged."},
    )
    message_ids = Identifiers(
        MESSAGES_MAX, allow_none=True, metadata={"description": "Left out, all that are uncertain."}
    )


class ResolvedSchema(Schema):
    """How many messages were uncertain, and are being resolved."""

    action = Choice(DECISIONS, required=True)
    messages = fields.Integer(required=True)
