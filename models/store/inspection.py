"""What an operator wants to know of the database itself."""

from sqlalchemy import text
from sqlalchemy.orm import Session

DEFAULT_PARTITIONS = ("messages_default", "events_default")


def server_version(session: Session) -> int:
    """PostgreSQL's version as one number: 180004 is 18.4."""
    return int(session.execute(text("SHOW server_version_num")).scalar_one())


def filled_default_partitions(session: Session) -> list[str]:
    """The DEFAULT partitions that hold rows: months for which no partition was made in time."""
    return [
        name
        for name in DEFAULT_PARTITIONS
        if session.execute(text(f"SELECT EXISTS (SELECT FROM {name})")).scalar_one()  # noqa: S608 - our own names
    ]


def is_unused(session: Session) -> bool:
    """Whether no organization was ever made here; also where there is no schema at all."""
    if session.execute(text("SELECT to_regclass('public.organizations')")).scalar_one() is None:
        return True
    return not session.execute(text("SELECT EXISTS (SELECT FROM organizations)")).scalar_one()


def make_partitions_ahead(session: Session, *, months: int) -> int:
    """See that messages and events have partitions for this month and the next ones; returns how many were made."""
    session.execute(text("SET LOCAL lock_timeout = '4s'"))  # else every request would queue up behind us
    return int(session.execute(text("SELECT ensure_partitions(:months)"), {"months": months}).scalar_one())
