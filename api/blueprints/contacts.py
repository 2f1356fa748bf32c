"""Contacts."""

from typing import Any
from uuid import UUID

from api.arguments import Arguments, Values
from api.blueprint import Blueprint
from api.schemas.contacts import ContactChange, ContactQuery, ContactSchema, NewContact
from api.schemas.envelopes import Nothing, answer_of, done, found, listed, page_of, page_request
from api.scope import own, resources
from models.errors import InvalidInput
from models.rules.phone import parse_phone
from models.store import contacts

blueprint = Blueprint("Contacts", __name__, "People an organization writes to.")


@blueprint.route("/contacts")
@blueprint.arguments(ContactQuery, location="query")
@blueprint.response(200, page_of(ContactSchema))
def list_contacts(arguments: Arguments) -> dict[str, Any]:
    """List contacts

    Newest first; filtered by status, and searched in email, first and last name.
    """
    query = arguments()
    page = contacts.list_contacts(*own(), page_request(query), status=query.get("status"), search=query.get("search"))
    return listed(page)


@blueprint.route("/contacts", methods=["POST"])
@blueprint.arguments(NewContact)
@blueprint.response(201, answer_of(ContactSchema, mutation=True))
def create_contact(arguments: Arguments) -> dict[str, Any]:
    """Create a contact

    It is subscribed from the start. One email address is one contact.
    """
    return done(contacts.create_contact(*own(), _columns(arguments())), "Contact created.")


@blueprint.route("/contacts/<id:contact_id>")
@blueprint.response(200, answer_of(ContactSchema))
def get_contact(contact_id: UUID) -> dict[str, Any]:
    """Read a contact

    With all that is known of it.
    """
    return found(contacts.read_contact(*own(), contact_id))


@blueprint.route("/contacts/<id:contact_id>", methods=["PUT"], errors=(409,))
@blueprint.arguments(ContactChange)
@blueprint.response(200, answer_of(ContactSchema, mutation=True))
def update_contact(arguments: Arguments, contact_id: UUID) -> dict[str, Any]:
    """Update a contact

    What is left out stays. To unsubscribe a contact suppresses its address as well; from bounced or complained back
    to active, the suppression must be removed first.
    """
    contact = contacts.read_contact(*own(), contact_id, lock=True)
    return done(contacts.update_contact(*own(), contact, _columns(arguments())), "Contact updated.")


@blueprint.route("/contacts/<id:contact_id>", methods=["DELETE"])
@blueprint.response(200, Nothing)
def delete_contact(contact_id: UUID) -> dict[str, Any]:
    """Delete a contact

    For good, and from all lists.
    """
    contacts.delete_contact(*own(), contact_id)
    return done(None, "Contact deleted.")


def _columns(values: Values) -> Values:
    """The columns of checked values. Raises InvalidInput for a phone number that is none."""
    columns = dict(values)
    phone = columns.get("phone")
    if phone is not None:
        columns["phone"] = parse_phone(phone, resources().settings.default_region)
        if columns["phone"] is None:
            raise InvalidInput({"phone": ["The phone field must be a valid phone number."]})
    if "custom_fields" in columns:
        columns["custom_fields"] = columns["custom_fields"] or {}
    return columns
