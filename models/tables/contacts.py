"""Contacts and the lists they are on. Keys carry the organization, so that no reference can cross tenants."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, ForeignKeyConstraint, Index, UniqueConstraint, func, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from models.tables.base import Base, CreatedAt, Id


class Contact(Base):
    """A person an organization writes to. `email` is stored normalised; one per organization."""

    __tablename__ = "contacts"
    __table_args__ = (
        UniqueConstraint("organization_id", "email"),
        CheckConstraint("status IN ('active', 'unsubscribed', 'bounced', 'complained')", name="status"),
    )

    # No foreign key to organizations: they are never deleted, and the check cost an import a fifth of its time.
    organization_id: Mapped[UUID] = mapped_column(primary_key=True)
    id: Mapped[Id] = mapped_column(primary_key=True)
    email: Mapped[str]
    first_name: Mapped[str | None]
    last_name: Mapped[str | None]
    phone: Mapped[str | None]
    status: Mapped[str] = mapped_column(server_default=text("'active'"))
    custom_fields: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default=text("'{}'"))
    subscribed_at: Mapped[datetime | None] = mapped_column(server_default=func.now())
    created_at: Mapped[CreatedAt]
    updated_at: Mapped[CreatedAt]


class ContactList(Base):
    """A named set of contacts. `contacts_count` is kept beside every change of its members."""

    __tablename__ = "contact_lists"
    __table_args__ = (
        Index("uq_contact_lists_organization_id_name", "organization_id", func.lower(text("name")), unique=True),
        Index(
            "uq_contact_lists_organization_id_default",
            "organization_id",
            unique=True,
            postgresql_where=text("is_default"),
        ),
    )

    organization_id: Mapped[UUID] = mapped_column(ForeignKey("organizations.id"), primary_key=True)
    id: Mapped[Id] = mapped_column(primary_key=True)
    name: Mapped[str]
    description: Mapped[str | None]
    is_default: Mapped[bool] = mapped_column(server_default=text("false"))
    contacts_count: Mapped[int] = mapped_column(server_default=text("0"))
    created_at: Mapped[CreatedAt]
    updated_at: Mapped[CreatedAt]


class ContactListMember(Base):
    """A contact on a list."""

    __tablename__ = "contact_list_members"
    __table_args__ = (
        ForeignKeyConstraint(
            ["organization_id", "list_id"],
            ["contact_lists.organization_id", "contact_lists.id"],
            ondelete="CASCADE",
        ),
        ForeignKeyConstraint(
            ["organization_id", "contact_id"], ["contacts.organization_id", "contacts.id"], ondelete="CASCADE"
        ),
        Index("ix_contact_list_members_organization_id_contact_id", "organization_id", "contact_id"),
    )

    organization_id: Mapped[UUID] = mapped_column(primary_key=True)
    list_id: Mapped[UUID] = mapped_column(primary_key=True)
    contact_id: Mapped[UUID] = mapped_column(primary_key=True)
    added_at: Mapped[CreatedAt]


class Suppression(Base):
    """An address or number that an organization must not write to. `recipient` is stored normalised."""

    __tablename__ = "suppressions"
    __table_args__ = (
        UniqueConstraint("organization_id", "channel", "recipient"),
        CheckConstraint("channel IN ('email', 'sms')", name="channel"),
        CheckConstraint(
            "reason IN ('hard_bounce', 'soft_bounce', 'complaint', 'unsubscribed', 'manual', 'list_import')",
            name="reason",
        ),
    )

    organization_id: Mapped[UUID] = mapped_column(ForeignKey("organizations.id"), primary_key=True)
    id: Mapped[Id] = mapped_column(primary_key=True)
    channel: Mapped[str] = mapped_column(server_default=text("'email'"))
    recipient: Mapped[str]
    reason: Mapped[str]
    details: Mapped[str | None]
    came_by_sms: Mapped[bool] = mapped_column(server_default=text("false"))  # they wrote STOP, and may write START
    expires_at: Mapped[datetime | None]  # soft bounces end by themselves
    created_at: Mapped[CreatedAt]
