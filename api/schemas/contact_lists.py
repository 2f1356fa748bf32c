"""Contact lists in requests and answers."""

from marshmallow import Schema, fields

from api.schemas.fields import Flag, Identifier, Identifiers, Input, Text, Time

MEMBERS_MAX = 10_000  # of one call


class NewContactList(Input):
    """A list to create."""

    name = Text(255, required=True, metadata={"description": "Unique in the organization, whatever the case."})
    description = Text(1000, allow_none=True)
    is_default = Flag(allow_none=True, metadata={"description": "At most one list is the default."})


class ContactListChange(Input):
    """What to change of a list; what is left out stays."""

    name = Text(255)
    description = Text(1000, allow_none=True)
    is_default = Flag()


class NewMembers(Input):
    """Contacts to put on a list."""

    contact_ids = Identifiers(MEMBERS_MAX, least=1, required=True)


class ContactListSchema(Schema):
    """A contact list."""

    id = Identifier(required=True)
    name = fields.String(required=True)
    description = fields.String(required=True, allow_none=True)
    is_default = fields.Boolean(required=True)
    contacts_count = fields.Integer(required=True)
    created_at = Time(required=True)
    updated_at = Time(required=True)
