"""Contents: what is the same for all recipients of a run, stored once."""

from collections.abc import Mapping
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
    session.execute(
        insert(Content)
        .values(id=new_id(), organization_id=organization_id, hash=hash_, **values)
        .on_conflict_do_nothing(index_elements=["organization_id", "hash"])
    )
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


_STORE = """
INSERT INTO contents (id, organization_id, hash, channel, subject, html, text, from_email, from_name, reply_to,
                      variables, attachments, template_id, template_version)
SELECT c.id, %(organization)s, c.hash, 'email', c.subject, c.html, c.text, c.from_email, c.from_name, c.reply_to,
       c.variables::jsonb, c.attachments::jsonb, c.template_id, c.template_version
FROM unnest(%(ids)s::uuid[], %(hashes)s::bytea[], %(subject)s::text[], %(html)s::text[], %(text)s::text[],
            %(from_email)s::text[], %(from_name)s::text[], %(reply_to)s::text[], %(variables)s::text[],
            %(attachments)s::text[], %(template_id)s::uuid[], %(template_version)s::int[])
    AS c (id, hash, subject, html, text, from_email, from_name, reply_to, variables, attachments, template_id,
          template_version)
ON CONFLICT (organization_id, hash) DO NOTHING
"""
_TEXTS = ("subject", "html", "text", "from_email", "from_name", "reply_to")
_OTHERS = ("variables", "attachments", "template_id", "template_version")


def store_email_contents(
    session: Session, organization_id: UUID, contents: Mapping[bytes, Mapping[str, Any]]
) -> dict[bytes, UUID]:
    """Ids of email contents by their hashes; those that are new are made, all in one statement.

    A content is its columns; `variables` and `attachments` as texts of JSON.
    """
    # In order, so that two batches with the same contents do not wait for each other.
    hashes = sorted(contents)
    columns = {name: [contents[each][name] for each in hashes] for name in (*_TEXTS, *_OTHERS)}
    ids = [new_id() for _ in hashes]
    driver(session).execute(_STORE, {"organization": organization_id, "ids": ids, "hashes": hashes, **columns})
    rows = driver(session).execute(
        "SELECT hash, id FROM contents WHERE organization_id = %s AND hash = ANY(%s)", [organization_id, hashes]
    )
    return {bytes(hash_): id_ for hash_, id_ in rows}
