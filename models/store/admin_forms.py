"""Forms of the admin panel that were sent: each does its work once, and what came of it is shown once."""

from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from models.tables import AdminForm


def claim_form(session: Session, user_id: UUID, key: UUID) -> str | None:
    """Take the form in hand. Returns None the first time, else where it led.

    A second click waits here until the first one's transaction has ended.
    """
    claimed = session.execute(
        insert(AdminForm).values(user_id=user_id, key=key).on_conflict_do_nothing().returning(AdminForm.key)
    ).one_or_none()
    if claimed is not None:
        return None
    return session.execute(
        select(AdminForm.location).where(AdminForm.user_id == user_id, AdminForm.key == key)
    ).scalar_one()


def finish_form(session: Session, user_id: UUID, key: UUID, *, location: str, notice: bytes) -> None:
    """Write down where the form led, and what is said there."""
    session.execute(
        update(AdminForm)
        .where(AdminForm.user_id == user_id, AdminForm.key == key)
        .values(location=location, notice=notice)
    )


def take_notice(session: Session, user_id: UUID, key: UUID) -> bytes | None:
    """What is to be said about the form; None when it was said already."""
    chosen = select(AdminForm.notice).where(AdminForm.user_id == user_id, AdminForm.key == key).with_for_update()
    notice = session.execute(chosen).scalar_one_or_none()
    if notice is not None:
        session.execute(update(AdminForm).where(AdminForm.user_id == user_id, AdminForm.key == key).values(notice=None))
    return notice
