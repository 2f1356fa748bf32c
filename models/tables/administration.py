"""The admin panel's own rows: who is logged in, who failed to, and which forms were sent."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import DateTime, ForeignKey, func
from sqlalchemy.orm import Mapped, mapped_column

from models.tables.base import Base, CreatedAt


class AdminSession(Base):
    """Somebody who is logged in. The id is random and only in the cookie; here is its SHA-256.

    exosend_api may not touch it: functions of 0008_admin.py do.
    """

    __tablename__ = "admin_sessions"

    id_hash: Mapped[bytes] = mapped_column(primary_key=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    created_at: Mapped[CreatedAt]
    last_seen_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
    expires_at: Mapped[datetime]


class LoginFailure(Base):
    """Failed tries to log in, by a hash of the account or the address. The function count_login writes it."""

    __tablename__ = "login_failures"

    key: Mapped[bytes] = mapped_column(primary_key=True)
    failures: Mapped[int]
    failed_at: Mapped[datetime]
    retry_at: Mapped[datetime]


class AdminForm(Base):
    """A form that was sent: where it led, and what is said there once. So a double click does its work once."""

    __tablename__ = "admin_forms"

    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), primary_key=True)
    key: Mapped[UUID] = mapped_column(primary_key=True)
    location: Mapped[str | None]
    notice: Mapped[bytes | None]  # encrypted (models/encryption.py): it may hold a new token
    made_at: Mapped[CreatedAt]
