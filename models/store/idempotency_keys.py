"""Answers that are kept under a key of the client's, so that the same request does its work once."""

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from sqlalchemy import delete, func, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from models.errors import IllegalState
from models.tables import IdempotencyKey

KEPT_FOR = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class KeptAnswer:
    """What the first request under a key was answered. `request_hash`: which request that was."""

    request_hash: bytes
    status: int
    answer: str


def claim_key(session: Session, organization_id: UUID, key: str) -> KeptAnswer | None:
    """The answer kept under this key; None: there is none, and the key is this transaction's until it ends.

    Raises IllegalState while another transaction has the key and has not committed its answer.
    """
    # Not a row: whoever inserts one that another transaction has inserted waits for it instead of being told. The
    # look comes second, in a statement of its own, so that it sees what was committed before the lock was free.
    is_mine = session.execute(_LOCK, {"name": f"idempotency:{organization_id}:{key}"}).scalar_one()
    kept = session.execute(
        select(IdempotencyKey.request_hash, IdempotencyKey.status, IdempotencyKey.answer).where(
            IdempotencyKey.organization_id == organization_id,
            IdempotencyKey.key == key,
            IdempotencyKey.made_at > func.now() - KEPT_FOR,
        )
    ).one_or_none()
    if kept is not None:
        return KeptAnswer(*kept)
    if not is_mine:
        raise IllegalState(
            "A request with this Idempotency-Key is being worked on. Try again later.", code="idempotency_key_in_use"
        )
    return None


_LOCK = text("SELECT pg_try_advisory_xact_lock(hashtextextended(:name, 0))")


def keep_answer(session: Session, organization_id: UUID, key: str, answer: KeptAnswer) -> None:
    """Keep an answer, in the transaction of the work that it tells of. It replaces one that is there."""
    columns = {"request_hash": answer.request_hash, "status": answer.status, "answer": answer.answer}
    statement = insert(IdempotencyKey).values(organization_id=organization_id, key=key, **columns)
    session.execute(
        statement.on_conflict_do_update(
            index_elements=["organization_id", "key"], set_={**columns, "made_at": func.now()}
        )
    )


def forget_answer(session: Session, organization_id: UUID, key: str) -> None:
    """Let the same request do its work again: what was kept turned out to be an error."""
    session.execute(
        delete(IdempotencyKey).where(IdempotencyKey.organization_id == organization_id, IdempotencyKey.key == key)
    )


def remove_old_answers(session: Session, *, limit: int) -> int:
    """Remove at most `limit` answers that were kept for long enough, the oldest first; how many there were.

    For the engine, over all organizations.
    """
    old = select(IdempotencyKey.organization_id, IdempotencyKey.key).where(
        IdempotencyKey.made_at <= func.now() - KEPT_FOR
    )
    chosen = old.order_by(IdempotencyKey.made_at).limit(limit).with_for_update(skip_locked=True).subquery()
    removed = session.execute(
        delete(IdempotencyKey)
        .where(IdempotencyKey.organization_id == chosen.c.organization_id, IdempotencyKey.key == chosen.c.key)
        .returning(IdempotencyKey.key)
    )
    return len(removed.all())
