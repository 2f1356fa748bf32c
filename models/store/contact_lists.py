"""Lists of contacts. `contacts_count` moves with the members, in the same transaction."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import any_, delete, func, literal, select, text, update
from sqlalchemy.dialects.postgresql import ARRAY, insert
from sqlalchemy.dialects.postgresql import UUID as PostgresUUID
from sqlalchemy.orm import Session

from models.errors import InvalidInput, NotFound
from models.rules.ids import new_id
from models.store.constraints import unique_fields
from models.store.pages import Page, PageRequest
from models.tables import Contact, ContactList, ContactListMember

_UNIQUE = {"uq_contact_lists_organization_id_name": "name"}


def list_contact_lists(session: Session, organization_id: UUID, request: PageRequest) -> Page[ContactList]:
    """The organization's lists, newest first."""
    chosen = select(ContactList).where(ContactList.organization_id == organization_id)
    total = session.execute(select(func.count()).select_from(chosen.subquery())).scalar_one()
    ordered = chosen.order_by(ContactList.created_at.desc(), ContactList.id.desc())
    items = session.execute(ordered.offset(request.offset).limit(request.size)).scalars().all()
    return Page(items, total, request)


def read_contact_list(session: Session, organization_id: UUID, list_id: UUID, *, keep: bool = False) -> ContactList:
    """The list; with `keep`, nobody can remove it until the transaction ends. Raises NotFound."""
    chosen = select(ContactList).where(ContactList.organization_id == organization_id, ContactList.id == list_id)
    if keep:
        chosen = chosen.with_for_update(read=True, key_share=True)
    found = session.execute(chosen).scalar_one_or_none()
    if found is None:
        raise NotFound
    return found


def create_contact_list(session: Session, organization_id: UUID, values: dict[str, Any]) -> ContactList:
    """A new list without contacts. As the default it takes the place of the one before. Raises InvalidInput."""
    if values.get("is_default"):
        _end_default(session, organization_id)
    with unique_fields(_UNIQUE):
        return session.execute(
            insert(ContactList).values(organization_id=organization_id, id=new_id(), **values).returning(ContactList)
        ).scalar_one()


def update_contact_list(session: Session, organization_id: UUID, list_id: UUID, values: dict[str, Any]) -> ContactList:
    """Change the columns in `values`. Raises NotFound, and InvalidInput when the name is another list's."""
    if values.get("is_default"):
        _end_default(session, organization_id)
    with unique_fields(_UNIQUE):
        updated = session.execute(
            update(ContactList)
            .where(ContactList.organization_id == organization_id, ContactList.id == list_id)
            .values(**values, updated_at=func.now())
            .returning(ContactList)
            .execution_options(populate_existing=True)
        ).scalar_one_or_none()
    if updated is None:
        raise NotFound
    return updated


def _end_default(session: Session, organization_id: UUID) -> None:
    # Two requests that each make a default would both find none and one would break the unique index.
    session.execute(
        text("SELECT pg_advisory_xact_lock(hashtextextended('contact_lists.default:' || :id, 0))"),
        {"id": str(organization_id)},
    )
    session.execute(
        update(ContactList)
        .where(ContactList.organization_id == organization_id, ContactList.is_default)
        .values(is_default=False, updated_at=func.now())
    )


def delete_contact_list(session: Session, organization_id: UUID, list_id: UUID) -> None:
    """Remove a list; its contacts stay. Raises NotFound."""
    removed = session.execute(
        delete(ContactList)
        .where(ContactList.organization_id == organization_id, ContactList.id == list_id)
        .returning(ContactList.id)
    ).one_or_none()
    if removed is None:
        raise NotFound


def add_members(session: Session, organization_id: UUID, list_id: UUID, contact_ids: Sequence[UUID]) -> int:
    """Put contacts on a list that is kept; returns how many were not on it yet.

    Raises InvalidInput (`contact_ids.3`) when one is not the organization's: then none is added. Contacts are locked
    before the list, as in `delete_contact`, so that the two never wait for each other.
    """
    wanted = literal(list(dict.fromkeys(contact_ids)), ARRAY(PostgresUUID(as_uuid=True)))
    known = set(
        session.execute(
            select(Contact.id)
            .where(Contact.organization_id == organization_id, Contact.id == any_(wanted))
            .order_by(Contact.id)
            .with_for_update(key_share=True, read=True)
        ).scalars()
    )
    unknown = [index for index, contact_id in enumerate(contact_ids) if contact_id not in known]
    if unknown:
        raise InvalidInput(
            {f"contact_ids.{index}": [f"The selected contact_ids.{index} is invalid."] for index in unknown}
        )
    members = select(
        literal(organization_id, PostgresUUID(as_uuid=True)),
        literal(list_id, PostgresUUID(as_uuid=True)),
        func.unnest(wanted),
    )
    added = session.execute(
        insert(ContactListMember)
        .from_select(["organization_id", "list_id", "contact_id"], members)
        .on_conflict_do_nothing()
        .returning(ContactListMember.contact_id)
    ).all()
    _count(session, organization_id, list_id, len(added))
    return len(added)


def remove_member(session: Session, organization_id: UUID, list_id: UUID, contact_id: UUID) -> None:
    """Take a contact off a list. Not being on it is no error."""
    removed = session.execute(
        delete(ContactListMember)
        .where(
            ContactListMember.organization_id == organization_id,
            ContactListMember.list_id == list_id,
            ContactListMember.contact_id == contact_id,
        )
        .returning(ContactListMember.contact_id)
    ).one_or_none()
    if removed is not None:
        _count(session, organization_id, list_id, -1)


def _count(session: Session, organization_id: UUID, list_id: UUID, change: int) -> None:
    if change:
        session.execute(
            update(ContactList)
            .where(ContactList.organization_id == organization_id, ContactList.id == list_id)
            .values(contacts_count=ContactList.contacts_count + change, updated_at=func.now())
        )
