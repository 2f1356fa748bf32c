"""Users, the tokens they call the API with, and the log of what was done."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Identity, Index, Text, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from models.rules.roles import UserRole
from models.tables.base import Base, CreatedAt, Id, one_of


class User(Base):
    """A person. Without an organization: one of the platform's own."""

    __tablename__ = "users"
    __table_args__ = (
        CheckConstraint(one_of("role", UserRole), name="role"),
        CheckConstraint("(role = 'super_admin') = (organization_id IS NULL)", name="platform"),
    )

    id: Mapped[Id] = mapped_column(primary_key=True)
    organization_id: Mapped[UUID | None] = mapped_column(ForeignKey("organizations.id"), index=True)
    name: Mapped[str]
    email: Mapped[str | None] = mapped_column(unique=True)  # lower-case
    role: Mapped[str] = mapped_column(server_default=text("'owner'"))
    password_hash: Mapped[str | None]  # argon2id; without one nobody logs in
    must_change_password: Mapped[bool] = mapped_column(server_default=text("false"))
    last_login_at: Mapped[datetime | None]
    disabled_at: Mapped[datetime | None]
    created_at: Mapped[CreatedAt]


class ApiToken(Base):
    """A key to the API. Only the SHA-256 of its secret is kept; the secret is random, so a fast hash is enough."""

    __tablename__ = "api_tokens"

    id: Mapped[Id] = mapped_column(primary_key=True)
    organization_id: Mapped[UUID] = mapped_column(ForeignKey("organizations.id"), index=True)
    user_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    name: Mapped[str]
    secret_hash: Mapped[bytes]
    abilities: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default=text("'{*}'"))
    expires_at: Mapped[datetime | None]
    last_used_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]
    created_at: Mapped[CreatedAt]


class AuditEntry(Base):
    """Who did what to which thing. Append-only."""

    __tablename__ = "audit_log"
    __table_args__ = (Index("ix_audit_log_organization_id_id", "organization_id", "id"),)

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    organization_id: Mapped[UUID | None]
    actor: Mapped[str]
    action: Mapped[str]
    subject: Mapped[str]
    details: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default=text("'{}'"))
    created_at: Mapped[CreatedAt]
