"""SMS sender IDs in requests and answers."""

from marshmallow import Schema, fields

from api.schemas.fields import Choice, Identifier, Input, Text, Time
from models.rules.sender_id import AdminStatus, ProviderStatus, SenderFilter


class SenderIdQuery(Input):
    """Which sender IDs to list."""

    status = Choice(list(SenderFilter), allow_none=True, metadata={"description": "Left out: verified."})


class NewSenderId(Input):
    """A sender ID to ask for."""

    sender_id = Text(
        50,  # its own rule has the exact limits
        required=True,
        metadata={"description": "3 to 11 of A–Z a–z 0–9 space . _ - with at least one letter; or a number."},
    )


class SenderIdSchema(Schema):
    """A name or number that SMS come from. It can be used when both the administrator and the provider said yes."""

    id = Identifier(required=True)
    sender_id = fields.String(required=True)
    admin_status = Choice(list(AdminStatus), required=True)
    provider_status = Choice(list(ProviderStatus), required=True)
    is_verified = fields.Boolean(required=True)
    is_default = fields.Boolean(required=True)
    rejection_reason = fields.String(required=True, allow_none=True)
    message_count = fields.Integer(required=True)
    created_at = Time(required=True)
    approved_at = Time(required=True, allow_none=True)
    verified_at = Time(required=True, allow_none=True)
