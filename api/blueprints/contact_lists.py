"""Contact lists and who is on them."""

from typing import Any
from uuid import UUID

from api.arguments import Arguments
from api.blueprint import Blueprint
from api.schemas.contact_lists import ContactListChange, ContactListSchema, NewContactList, NewMembers
from api.schemas.contacts import ContactSchema
from api.schemas.envelopes import Nothing, PageQuery, answer_of, done, found, listed, page_of, page_request
from api.scope import own
from models.store import contact_lists
from models.store.contacts import list_members, read_contact

blueprint = Blueprint("Contact lists", __name__, "Named sets of contacts, which campaigns go to.")


@blueprint.route("/contact-lists")
@blueprint.arguments(PageQuery, location="query")
@blueprint.response(200, page_of(ContactListSchema))
def list_contact_lists(arguments: Arguments) -> dict[str, Any]:
    """List contact lists

    Newest first, each with the number of its contacts.
    """
    return listed(contact_lists.list_contact_lists(*own(), page_request(arguments())))


@blueprint.route("/contact-lists", methods=["POST"])
@blueprint.arguments(NewContactList)
@blueprint.response(201, answer_of(ContactListSchema, mutation=True))
def create_contact_list(arguments: Arguments) -> dict[str, Any]:
    """Create a contact list

    Names are unique in the organization. A new default takes the place of the one before.
    """
    values = arguments()
    values["is_default"] = bool(values.get("is_default"))
    return done(contact_lists.create_contact_list(*own(), values), "Contact list created.")


@blueprint.route("/contact-lists/<id:list_id>")
@blueprint.response(200, answer_of(ContactListSchema))
def get_contact_list(list_id: UUID) -> dict[str, Any]:
    """Read a contact list

    With the number of its contacts.
    """
    return found(contact_lists.read_contact_list(*own(), list_id))


@blueprint.route("/contact-lists/<id:list_id>", methods=["PUT"])
@blueprint.arguments(ContactListChange)
@blueprint.response(200, answer_of(ContactListSchema, mutation=True))
def update_contact_list(arguments: Arguments, list_id: UUID) -> dict[str, Any]:
    """Update a contact list

    What is left out stays.
    """
    contact_lists.read_contact_list(*own(), list_id)
    return done(contact_lists.update_contact_list(*own(), list_id, arguments()), "Contact list updated.")


@blueprint.route("/contact-lists/<id:list_id>", methods=["DELETE"])
@blueprint.response(200, Nothing)
def delete_contact_list(list_id: UUID) -> dict[str, Any]:
    """Delete a contact list

    Its contacts stay.
    """
    contact_lists.delete_contact_list(*own(), list_id)
    return done(None, "Contact list deleted.")


@blueprint.route("/contact-lists/<id:list_id>/contacts")
@blueprint.arguments(PageQuery, location="query")
@blueprint.response(200, page_of(ContactSchema))
def list_contact_list_contacts(arguments: Arguments, list_id: UUID) -> dict[str, Any]:
    """List the contacts on a list

    Newest first.
    """
    contact_list = contact_lists.read_contact_list(*own(), list_id)
    return listed(list_members(own().session, contact_list, page_request(arguments())))


@blueprint.route("/contact-lists/<id:list_id>/contacts", methods=["POST"])
@blueprint.arguments(NewMembers)
@blueprint.response(200, Nothing)
def add_contacts_to_list(arguments: Arguments, list_id: UUID) -> dict[str, Any]:
    """Put contacts on a list

    Those that are on it already are skipped. With one that is not the organization's, none is added.
    """
    contact_lists.read_contact_list(*own(), list_id, keep=True)
    contact_lists.add_members(*own(), list_id, arguments()["contact_ids"])
    return done(None, "Contacts added to list.")


@blueprint.route("/contact-lists/<id:list_id>/contacts/<id:contact_id>", methods=["DELETE"])
@blueprint.response(200, Nothing)
def remove_contact_from_list(list_id: UUID, contact_id: UUID) -> dict[str, Any]:
    """Take a contact off a list

    A contact that is not on the list is no error.
    """
    contact_lists.read_contact_list(*own(), list_id)
    read_contact(*own(), contact_id)
    contact_lists.remove_member(*own(), list_id, contact_id)
    return done(None, "Contact removed from list.")
