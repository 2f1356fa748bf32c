"""Contacts of an organization. `organizations.contacts_count` and the counts of lists move with every change."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, delete, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from models.errors import IllegalState, NotFound
from models.rules.ids import new_id
from models.store.constraints import taken, unique_fields
from models.store.pages import Page, PageRequest
from models.store.suppressions import find_suppression, suppress
from models.tables import Contact, ContactList, ContactListMember, Organization

_FAILED = ("bounced", "complained")
_REASONS_TO_STAY_AWAY = ("hard_bounce", "complaint")


def list_contacts(
    session: Session, organization_id: UUID, request: PageRequest, *, status: str | None, search: str | None
) -> Page[Contact]:
    """Contacts, newest first. `search` is looked for in email, first and last name, whatever the case."""
    conditions: list[ColumnElement[bool]] = []
    if status is not None:
        conditions.append(Contact.status == status)
    if search is not None:
        columns = (Contact.email, Contact.first_name, Contact.last_name)
        conditions.append(or_(*(column.icontains(search, autoescape=True) for column in columns)))
    chosen = select(Contact).where(Contact.organization_id == organization_id, *conditions)
    if conditions:
        counted = select(func.count()).select_from(chosen.subquery())
    else:
        counted = select(Organization.contacts_count).where(Organization.id == organization_id)
    return Page(_newest(session, chosen, request), session.execute(counted).scalar_one(), request)


def _newest(session: Session, chosen: Select[Contact], request: PageRequest) -> Sequence[Contact]:
    # Ids are UUIDv7: by id is by time, and it is the order of the primary key.
    ordered = chosen.order_by(Contact.id.desc()).offset(request.offset).limit(request.size)
    return session.execute(ordered).scalars().all()


def list_members(session: Session, contact_list: ContactList, request: PageRequest) -> Page[Contact]:
    """The contacts on a list, newest first; their number is the list's own counter."""
    chosen = (
        select(Contact)
        .join(
            ContactListMember,
            (ContactListMember.organization_id == Contact.organization_id)
            & (ContactListMember.contact_id == Contact.id),
        )
        .where(
            ContactListMember.organization_id == contact_list.organization_id,
            ContactListMember.list_id == contact_list.id,
        )
    )
    return Page(_newest(session, chosen, request), contact_list.contacts_count, request)


def read_contact(session: Session, organization_id: UUID, contact_id: UUID, *, lock: bool = False) -> Contact:
    """The contact; with `lock`, until the transaction ends. Raises NotFound."""
    chosen = select(Contact).where(Contact.organization_id == organization_id, Contact.id == contact_id)
    contact = session.execute(chosen.with_for_update() if lock else chosen).scalar_one_or_none()
    if contact is None:
        raise NotFound
    return contact


def create_contact(session: Session, organization_id: UUID, values: dict[str, Any]) -> Contact:
    """A new, subscribed contact. `values`: columns, `email` normalised. Raises InvalidInput when it is known."""
    contact = session.execute(
        insert(Contact)
        .values(organization_id=organization_id, id=new_id(), **values)
        .on_conflict_do_nothing(index_elements=["organization_id", "email"])
        .returning(Contact)
    ).scalar_one_or_none()
    if contact is None:
        raise taken("email")
    _count(session, organization_id, 1)
    return contact


def update_contact(session: Session, organization_id: UUID, contact: Contact, values: dict[str, Any]) -> Contact:
    """Change the columns in `values` of a locked contact.

    To unsubscribe is to suppress the address as well. Raises InvalidInput when the email is another contact's, and
    IllegalState for a way back to active while the address is suppressed for a bounce or a complaint.
    """
    before, changed = contact.status, dict(values)
    if values.get("status") == "active" and before != "active":
        changed["subscribed_at"] = func.now()
    with unique_fields({"uq_contacts_organization_id_email": "email"}):
        updated = session.execute(
            update(Contact)
            .where(Contact.organization_id == organization_id, Contact.id == contact.id)
            .values(**changed, updated_at=func.now())
            .returning(Contact)
            .execution_options(populate_existing=True)
        ).scalar_one()
    if updated.status == "active" and before != "active":
        _check_way_back(session, updated, before)
    elif values.get("status") == "unsubscribed":
        suppress(session, organization_id, updated.email, reason="unsubscribed", details=None)
    return updated


def _check_way_back(session: Session, contact: Contact, before: str) -> None:
    """Raise IllegalState where the suppression has to be removed before the contact is active again.

    By its reason, since bounced contacts may have been unsubscribed in between. What else keeps mail from who
    unsubscribed stays on the list beside an active contact.
    """
    suppression = find_suppression(session, contact.organization_id, contact.email)
    if suppression is not None and (before in _FAILED or suppression.reason in _REASONS_TO_STAY_AWAY):
        message = "The address is suppressed. Remove the suppression first."
        raise IllegalState(message, code="suppressed", current_status=before)


def delete_contact(session: Session, organization_id: UUID, contact_id: UUID) -> None:
    """Remove a contact and its places on lists. Raises NotFound."""
    read_contact(session, organization_id, contact_id, lock=True)
    left = (
        delete(ContactListMember)
        .where(ContactListMember.organization_id == organization_id, ContactListMember.contact_id == contact_id)
        .returning(ContactListMember.list_id)
    )
    list_ids = list(session.execute(left).scalars())
    if list_ids:
        # Locked in one order, so that two deletions never wait for each other's list.
        session.execute(
            select(ContactList.id)
            .where(ContactList.organization_id == organization_id, ContactList.id.in_(list_ids))
            .order_by(ContactList.id)
            .with_for_update(key_share=True)
        )
        session.execute(
            update(ContactList)
            .where(ContactList.organization_id == organization_id, ContactList.id.in_(list_ids))
            .values(contacts_count=ContactList.contacts_count - 1)
        )
    session.execute(delete(Contact).where(Contact.organization_id == organization_id, Contact.id == contact_id))
    _count(session, organization_id, -1)


def _count(session: Session, organization_id: UUID, change: int) -> None:
    # Last in its transaction: every change of contacts and of credits waits for this row.
    session.execute(
        update(Organization)
        .where(Organization.id == organization_id)
        .values(contacts_count=Organization.contacts_count + change)
    )
