"""Contents: what is the same for all recipients of a run, stored once."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from models.errors import NotFound
from models.rules.ids import new_id
from models.session import driver
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


@dataclass(frozen=True, slots=True)
class ContentSize:
    """Bytes of a content's texts, and of its files as they are stored; how many tags the texts have, and characters
    of the content's own values for them."""

    texts: int
    files: int
    tags: int
    defaults: int


# octet_length reads nothing of what is stored beside the row; to look for tags, the texts themselves are read, once.
_SIZES = """
SELECT id, coalesce(octet_length(html), 0) + coalesce(octet_length(text), 0),
       (SELECT coalesce(sum((file ->> 'size')::bigint), 0)::bigint FROM jsonb_array_elements(attachments) AS file),
       regexp_count(coalesce(html, ''), '{{') + regexp_count(coalesce(text, ''), '{{'), length(variables::text)
FROM contents WHERE id = ANY(%s)
"""


def content_sizes(session: Session, ids: Collection[UUID]) -> dict[UUID, ContentSize]:
    """By id, of those of the contents that are there, of any organization: for the engine."""
    rows = driver(session).execute(_SIZES, [list(ids)]).fetchall()
    return {id_: ContentSize(*sizes) for id_, *sizes in rows}
