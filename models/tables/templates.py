"""Email templates: an organization's own, and the system's (without an organization)."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from models.tables.base import Base, CreatedAt, Id


class EmailTemplate(Base):
    """The current version of a template. Deleting is soft: messages keep the version they were made from."""

    __tablename__ = "email_templates"
    __table_args__ = (
        CheckConstraint(
            "category IN ('transactional', 'marketing', 'notification', 'onboarding', 'custom')",
            name="category",
        ),
        Index(
            "uq_email_templates_organization_id_slug",
            "organization_id",
            "slug",
            unique=True,
            postgresql_where=text("deleted_at IS NULL"),
        ),
        Index(
            "uq_email_templates_system_slug",
            "slug",
            unique=True,
            postgresql_where=text("organization_id IS NULL AND deleted_at IS NULL"),
        ),
    )

    id: Mapped[Id] = mapped_column(primary_key=True)
    organization_id: Mapped[UUID | None] = mapped_column(ForeignKey("organizations.id"))
    name: Mapped[str]
    slug: Mapped[str | None]
    category: Mapped[str] = mapped_column(server_default=text("'custom'"))
    description: Mapped[str | None]
    subject_template: Mapped[str]
    html_content: Mapped[str | None]
    text_content: Mapped[str | None]
    mjml_content: Mapped[str | None]
    variables: Mapped[list[dict[str, Any]]] = mapped_column(JSONB, server_default=text("'[]'"))
    is_active: Mapped[bool] = mapped_column(server_default=text("true"))
    version: Mapped[int] = mapped_column(server_default=text("1"))
    times_used: Mapped[int] = mapped_column(server_default=text("0"))
    deleted_at: Mapped[datetime | None]
    created_at: Mapped[CreatedAt]
    updated_at: Mapped[CreatedAt]


class EmailTemplateVersion(Base):
    """What a template said at one version."""

    __tablename__ = "email_template_versions"

    template_id: Mapped[UUID] = mapped_column(ForeignKey("email_templates.id", ondelete="CASCADE"), primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True)
    organization_id: Mapped[UUID | None]
    subject_template: Mapped[str]
    html_content: Mapped[str | None]
    text_content: Mapped[str | None]
    mjml_content: Mapped[str | None]
    variables: Mapped[list[dict[str, Any]]] = mapped_column(JSONB, server_default=text("'[]'"))
    created_at: Mapped[CreatedAt]
