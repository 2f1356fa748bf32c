"""The clock that counts: the database's, since those of machines may be wrong."""

from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session


def database_now(session: Session) -> datetime:
    """When the session's transaction began."""
    return session.execute(select(func.now())).scalar_one()
