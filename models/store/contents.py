"""Contents: what is the same for all recipients of a run, stored once."""

from collections.abc import Collection, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from models.errors import NotFound
from models.rules.ids import new_id
from models.tables import Content


def store_content(session: Session, organization_id: UUID, hash_: bytes, values: dict[str, Any]) -> UUID:
    """The id of the content with this hash, which is made if it is new. `values`: columns of `contents`."""
    made = session.execute(
        insert(Content)
        .values(id=new_id(), organization_id=organization_id, hash=hash_, **values)
        .on_conflict_do_nothing(index_elements=["organization_id", "hash"])
        .returning(Content.id)
    ).scalar_one_or_none()
    if made is not None:
        return made
    return session.execute(
        select(Content.id).where(Content.organization_id == organization_id, Content.hash == hash_)
    ).scalar_one()


def read_content(session: Session, organization_id: UUID, content_id: UUID) -> Content:
    """The content. Raises NotFound."""
    content = session.execute(
        select(Content).where(Content.organization_id == organization_id, Content.id == content_id)
    ).scalar_one_or_none()
    if content is None:
        raise NotFound(f"There is no content {content_id}.")
    return content


def find_contents(session: Session, ids: Collection[UUID]) -> Sequence[Content]:
    """Those of the contents that are there, of any organization: for the engine."""
    return session.execute(select(Content).where(Content.id.in_(ids))).scalars().all()
