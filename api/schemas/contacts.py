"""Contacts in requests and answers."""

from marshmallow import Schema, fields

from api.schemas.envelopes import PageQuery
from api.schemas.fields import Address, Choice, Identifier, Input, Scalars, Text, Time

STATUSES = ("active", "unsubscribed", "bounced", "complained")
CUSTOM_FIELDS = {"description": "Texts, numbers, true and false by name; at most 64. Replaced as a whole."}
PHONE = {"description": "E.164 with +."}


class ContactQuery(PageQuery):
    """Which contacts to list."""

    status = Choice(STATUSES, allow_none=True)
    search = Text(255, allow_none=True, metadata={"description": "Looked for in email, first and last name."})


class ContactValues(Input):
    """What may be said of a contact."""

    first_name = Text(255, allow_none=True)
    last_name = Text(255, allow_none=True)
    phone = Text(40, allow_none=True, metadata=PHONE)
    custom_fields = Scalars(allow_none=True, metadata=CUSTOM_FIELDS)


class NewContact(ContactValues):
    """A contact to create."""

    email = Address(required=True)


class ContactChange(ContactValues):
    """What to change of a contact; what is left out stays."""

    email = Address()
    status = Choice(STATUSES)


class ContactSchema(Schema):
    """A contact."""

    id = Identifier(required=True)
    email = fields.String(required=True)
    first_name = fields.String(required=True, allow_none=True)
    last_name = fields.String(required=True, allow_none=True)
    phone = fields.String(required=True, allow_none=True, metadata=PHONE)
    status = Choice(STATUSES, required=True)
    custom_fields = fields.Dict(required=True, metadata=CUSTOM_FIELDS)
    subscribed_at = Time(required=True, allow_none=True)
    created_at = Time(required=True)
    updated_at = Time(required=True)
