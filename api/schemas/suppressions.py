"""Suppressions in requests and answers."""

from marshmallow import Schema, fields

from api.schemas.envelopes import PageQuery
from api.schemas.fields import Address, Choice, Identifier, Input, Text, Time

REASONS = ("hard_bounce", "soft_bounce", "complaint", "unsubscribed", "manual", "list_import")


class SuppressionQuery(PageQuery):
    """Which suppressions to list."""

    reason = Choice(REASONS, allow_none=True)


class NewSuppression(Input):
    """An address to suppress."""

    email = Address(required=True)
    reason = Choice(REASONS, allow_none=True, metadata={"description": "Left out: manual."})
    details = Text(1000, allow_none=True)


class SuppressionSchema(Schema):
    """An address that is not written to."""

    id = Identifier(required=True)
    email = fields.String(required=True, attribute="recipient")
    reason = Choice(REASONS, required=True)
    details = fields.String(required=True, allow_none=True)
    created_at = Time(required=True)


class SuppressionCheckSchema(Schema):
    """Whether an address is suppressed."""

    email = fields.String(required=True)
    is_suppressed = fields.Boolean(required=True)
