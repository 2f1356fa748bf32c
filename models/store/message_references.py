"""By what name a provider knows a message: written with the results, asked by events that say nothing else."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy.orm import Session

from models.rules.ids import made_on
from models.session import driver
from models.store.messages import Result

_KEEP = """
INSERT INTO message_references (provider, ref, message_id, made_on, organization_id)
SELECT provider, ref, id, made_on, %(organization)s
FROM unnest(%(providers)s::text[], %(refs)s::text[], %(ids)s::uuid[], %(days)s::date[])
     AS r (provider, ref, id, made_on)
ORDER BY provider, ref, id
ON CONFLICT DO NOTHING
"""


def keep_references(session: Session, organization_id: UUID, provider: str, results: Sequence[Result]) -> None:
    """Keep under which references the provider took these messages, where its events name them by nothing else.

    In the transaction that records the results.
    """
    named = [result for result in results if result.known_by_ref and result.provider_ref]
    if named:
        driver(session).execute(
            _KEEP,
            {
                "providers": [result.provider or provider for result in named],
                "organization": organization_id,
                "refs": [result.provider_ref for result in named],
                "ids": [result.id for result in named],
                "days": [made_on(result.id) for result in named],
            },
        )


@dataclass(frozen=True, slots=True)
class Named:
    """What a provider calls a message: its reference and, where one is of several messages, who it went to."""

    provider: str
    ref: str
    recipient: str | None


# One message of that reference is meant whatever is said of its recipient, whom providers spell as they like; of
# several only the one to that recipient.
_FIND = """
SELECT w.no, min(r.message_id::text)::uuid
FROM unnest(%(providers)s::text[], %(refs)s::text[], %(recipients)s::text[]) WITH ORDINALITY
     AS w (provider, ref, recipient, no)
JOIN message_references r ON r.provider = w.provider AND r.ref = w.ref
WHERE NOT EXISTS (
        SELECT FROM message_references o
        WHERE o.provider = r.provider AND o.ref = r.ref AND o.message_id <> r.message_id)
   OR EXISTS (
        SELECT FROM messages m
        WHERE m.id = r.message_id AND m.made_on = r.made_on
          AND ltrim(lower(m.recipient), '+') = ltrim(lower(w.recipient), '+'))
GROUP BY w.no HAVING count(*) = 1
"""


def find_by_reference(session: Session, names: Sequence[Named]) -> list[UUID | None]:
    """The id of each message; None: no reference like that is known, or it could be one of several."""
    found: list[UUID | None] = [None] * len(names)
    if names:
        rows = driver(session).execute(
            _FIND,
            {
                "providers": [name.provider for name in names],
                "refs": [name.ref for name in names],
                "recipients": [name.recipient for name in names],
            },
            prepare=False,
        )
        for no, message_id in rows:
            found[no - 1] = message_id
    return found


def forget_old_references(session: Session, *, days: int, limit: int) -> int:
    """Remove references of messages that went out so long ago; at most `limit`, returns how many."""
    return (
        driver(session)
        .execute(
            """
        DELETE FROM message_references WHERE (provider, ref, message_id) IN (
            SELECT provider, ref, message_id FROM message_references
            WHERE made_at < now() - make_interval(days => %s) LIMIT %s)
        """,
            [days, limit],
        )
        .rowcount
    )
