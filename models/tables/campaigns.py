"""Campaigns of both channels: what somebody wants sent, to whom and when."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, Text, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.dialects.postgresql import UUID as PostgresUUID
from sqlalchemy.orm import Mapped, mapped_column

from models.rules.lifecycle import CampaignStatus
from models.tables.base import Base, CreatedAt, Id, one_of


class Campaign(Base):
    """A campaign. What it sent is on its run; the audience is frozen there when it starts."""

    __tablename__ = "campaigns"
    __table_args__ = (
        CheckConstraint(one_of("status", CampaignStatus), name="status"),
        CheckConstraint("channel IN ('email', 'sms')", name="channel"),
        CheckConstraint("batch_size BETWEEN 1 AND 1000", name="batch_size"),
        CheckConstraint("send_rate_per_minute BETWEEN 1 AND 60000", name="send_rate_per_minute"),
        Index("ix_campaigns_organization_id_id", "organization_id", "channel", "id"),
        Index("ix_campaigns_scheduled_at", "scheduled_at", postgresql_where=text("status = 'scheduled'")),
        Index("ix_campaigns_sent", "run_id", postgresql_where=text("status = 'sent'")),
    )

    id: Mapped[Id] = mapped_column(primary_key=True)
    organization_id: Mapped[UUID] = mapped_column(ForeignKey("organizations.id"))
    channel: Mapped[str] = mapped_column(server_default=text("'email'"))
    name: Mapped[str]
    description: Mapped[str | None]
    status: Mapped[str] = mapped_column(server_default=text("'draft'"))
    email_template_id: Mapped[UUID | None] = mapped_column(ForeignKey("email_templates.id"))
    email_domain_id: Mapped[UUID | None] = mapped_column(ForeignKey("email_domains.id", ondelete="SET NULL"))
    subject: Mapped[str | None]
    html_content: Mapped[str | None]
    text_content: Mapped[str | None]
    template_variables: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default=text("'{}'"))
    from_email: Mapped[str | None]
    from_name: Mapped[str | None]
    reply_to: Mapped[str | None]
    target_list_ids: Mapped[list[UUID]] = mapped_column(ARRAY(PostgresUUID(as_uuid=True)), server_default=text("'{}'"))
    # Of SMS, beside the lists; the text is in text_content.
    sender_id_id: Mapped[UUID | None]
    contact_ids: Mapped[list[UUID]] = mapped_column(ARRAY(PostgresUUID(as_uuid=True)), server_default=text("'{}'"))
    manual_phones: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default=text("'{}'"))
    quiet_hours: Mapped[dict[str, str] | None] = mapped_column(JSONB(none_as_null=True))  # None: none
    segment_filters: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    # Of email; None: as the organization has it.
    track_opens: Mapped[bool | None]
    track_clicks: Mapped[bool | None]
    send_rate_per_minute: Mapped[int | None]
    batch_size: Mapped[int] = mapped_column(server_default=text("100"))
    timezone: Mapped[str | None]
    scheduled_at: Mapped[datetime | None]
    schedule_flow_run_id: Mapped[UUID | None]  # the scheduled flow run in Prefect that stands for `scheduled_at`
    run_id: Mapped[UUID | None]
    failure_reason: Mapped[str | None]
    pause_reason: Mapped[str | None]  # why it paused itself
    sent_at: Mapped[datetime | None]  # when sending started
    completed_at: Mapped[datetime | None]
    created_at: Mapped[CreatedAt]
    updated_at: Mapped[CreatedAt]
