"""The account of an organization in answers."""

from marshmallow import Schema, fields

from api.schemas.fields import Amount


class BalanceSchema(Schema):
    """The credits of an organization."""

    balance = Amount(required=True)
    currency = fields.String(required=True, metadata={"description": "ISO 4217."})
    organization = fields.String(required=True, metadata={"description": "Its name."})
