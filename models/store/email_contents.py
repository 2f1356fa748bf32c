"""Contents of emails that a request brings: any number of them in one statement."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from models.rules.ids import new_id
from models.session import driver

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
