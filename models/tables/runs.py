"""Runs: our executions, the contents they send, and the chunks that senders lease."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, Integer, UniqueConstraint
from sqlalchemy import text as sql_text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from models.rules.lifecycle import ChunkState, RunKind, RunState
from models.tables.base import Base, CreatedAt, Id, Money, one_of


class Run(Base):
    """One execution: of a campaign, an import, the check of a domain. `queued`, it is also its flow's outbox entry."""

    __tablename__ = "runs"
    __table_args__ = (
        CheckConstraint(one_of("kind", RunKind), name="kind"),
        CheckConstraint(one_of("state", RunState), name="state"),
        CheckConstraint("charged >= 0 AND refunded >= 0 AND refunded <= charged", name="money"),
        Index("ix_runs_organization_id_id", "organization_id", "id"),
        Index(
            "ix_runs_open",
            "state",
            "alive_at",
            postgresql_where=sql_text("state NOT IN ('completed', 'cancelled', 'failed')"),
        ),
        # One campaign, one open run: of two starts one wins, whatever started them.
        Index("uq_runs_campaign_id", "campaign_id", unique=True),
    )

    id: Mapped[Id] = mapped_column(primary_key=True)
    organization_id: Mapped[UUID] = mapped_column(ForeignKey("organizations.id"))
    kind: Mapped[str]
    state: Mapped[str] = mapped_column(server_default=sql_text("'queued'"))
    epoch: Mapped[int] = mapped_column(server_default=sql_text("1"))  # how often it was started
    campaign_id: Mapped[UUID | None] = mapped_column(ForeignKey("campaigns.id"))
    content_id: Mapped[UUID | None]
    started_by: Mapped[str]  # api, prefect, schedule
    batch_size: Mapped[int] = mapped_column(server_default=sql_text("100"))
    send_rate_per_minute: Mapped[int | None]
    quiet_hours: Mapped[dict[str, str] | None] = mapped_column(JSONB(none_as_null=True))
    quoted_recipients: Mapped[int | None]
    held: Mapped[Money] = mapped_column(server_default=sql_text("0"))
    charged: Mapped[Money] = mapped_column(server_default=sql_text("0"))
    refunded: Mapped[Money] = mapped_column(server_default=sql_text("0"))
    total_recipients: Mapped[int] = mapped_column(server_default=sql_text("0"))
    total_segments: Mapped[int] = mapped_column(server_default=sql_text("0"))  # of SMS; until the plan, quoted ones
    # Reports that came back, each recipient once; written with the events.
    total_delivered: Mapped[int] = mapped_column(server_default=sql_text("0"))
    total_opened: Mapped[int] = mapped_column(server_default=sql_text("0"))
    total_clicked: Mapped[int] = mapped_column(server_default=sql_text("0"))
    total_bounced: Mapped[int] = mapped_column(server_default=sql_text("0"))
    total_complained: Mapped[int] = mapped_column(server_default=sql_text("0"))
    total_unsubscribed: Mapped[int] = mapped_column(server_default=sql_text("0"))
    total_hard_bounced: Mapped[int] = mapped_column(server_default=sql_text("0"))  # of those bounced
    guarded_from: Mapped[dict[str, int] | None] = mapped_column(JSONB(none_as_null=True))  # seen before its last resume
    funnel: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    failure_code: Mapped[str | None]
    failure_reason: Mapped[str | None]
    results_blob_id: Mapped[UUID | None]
    created_at: Mapped[CreatedAt]
    send_failures: Mapped[int] = mapped_column(server_default=sql_text("0"))  # in a row: nobody could begin to send it
    rest_until: Mapped[datetime | None]  # no sender is started before
    alive_at: Mapped[CreatedAt]  # queued, or the last sign of its flow before there were chunks
    planned_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]


class RunFlow(Base):
    """A Prefect flow run that served a run."""

    __tablename__ = "run_flows"

    run_id: Mapped[UUID] = mapped_column(ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True)
    flow_run_id: Mapped[UUID] = mapped_column(primary_key=True)
    organization_id: Mapped[UUID]
    epoch: Mapped[int]
    created_at: Mapped[CreatedAt]


class Content(Base):
    """What is the same for all recipients, frozen: shared by every message that has the same, by hash."""

    __tablename__ = "contents"
    __table_args__ = (UniqueConstraint("organization_id", "hash"),)

    id: Mapped[Id] = mapped_column(primary_key=True)
    organization_id: Mapped[UUID] = mapped_column(ForeignKey("organizations.id"))
    hash: Mapped[bytes]
    channel: Mapped[str] = mapped_column(server_default=sql_text("'email'"))
    subject: Mapped[str | None]
    html: Mapped[str | None]
    text: Mapped[str | None]
    from_email: Mapped[str | None]
    from_name: Mapped[str | None]
    reply_to: Mapped[str | None]
    variables: Mapped[dict[str, Any]] = mapped_column(
        JSONB, server_default=sql_text("'{}'")
    )  # values for all recipients
    sender_id: Mapped[str | None]  # of SMS
    # Of email: [{"blob_id", "file_name", "media_type", "size"}], the same files for all recipients.
    attachments: Mapped[list[dict[str, Any]]] = mapped_column(JSONB, server_default=sql_text("'[]'"))
    template_id: Mapped[UUID | None]
    template_version: Mapped[int | None]
    # Of email: {"opens", "clicks", "unsubscribe", "host"}; None where nothing of it is wanted.
    tracking: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    created_at: Mapped[CreatedAt]


class Chunk(Base):
    """Some messages of a run that one sender has at a time.

    Its messages are the positions first_position .. first_position + size - 1, or those listed in `positions`
    (a chunk of second tries). `cursor` counts how many of them, from the start, a sender may have handed over: it
    moves before they go out. `recorded` counts those whose outcome is written; between the two is what would be
    uncertain if the sender died. `fence` counts the leases: a write under an older one changes nothing.
    """

    __tablename__ = "chunks"
    __table_args__ = (
        CheckConstraint(one_of("state", ChunkState), name="state"),
        CheckConstraint("0 <= recorded AND recorded <= cursor AND cursor <= size", name="cursor"),
        Index("ix_chunks_lease_until", "lease_until", postgresql_where=sql_text("state = 'leased'")),
        {"postgresql_with": {"fillfactor": "50"}},
    )

    run_id: Mapped[UUID] = mapped_column(ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True)
    no: Mapped[int] = mapped_column(primary_key=True)
    organization_id: Mapped[UUID]
    state: Mapped[str] = mapped_column(server_default=sql_text("'ready'"))
    first_position: Mapped[int] = mapped_column(server_default=sql_text("0"))
    positions: Mapped[list[int] | None] = mapped_column(ARRAY(Integer))
    size: Mapped[int]
    cursor: Mapped[int] = mapped_column(server_default=sql_text("0"))
    recorded: Mapped[int] = mapped_column(server_default=sql_text("0"))
    fence: Mapped[int] = mapped_column(server_default=sql_text("0"))
    takeovers: Mapped[int] = mapped_column(server_default=sql_text("0"))  # in a row, without one outcome in between
    lease_until: Mapped[datetime | None]
    leased_by: Mapped[str | None]
    accepted: Mapped[int] = mapped_column(server_default=sql_text("0"))
    failed: Mapped[int] = mapped_column(server_default=sql_text("0"))
    suppressed: Mapped[int] = mapped_column(server_default=sql_text("0"))
    cancelled: Mapped[int] = mapped_column(server_default=sql_text("0"))
    uncertain: Mapped[int] = mapped_column(server_default=sql_text("0"))
    deferred: Mapped[int] = mapped_column(server_default=sql_text("0"))  # moved on to `deferrals`
    refundable: Mapped[Money] = mapped_column(server_default=sql_text("0"))  # cost of failed + suppressed + cancelled
    created_at: Mapped[CreatedAt]


class Deferral(Base):
    """A message that waits for its next try. It is not in a chunk meanwhile."""

    __tablename__ = "deferrals"
    __table_args__ = (Index("ix_deferrals_retry_at", "retry_at"),)

    run_id: Mapped[UUID] = mapped_column(ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    organization_id: Mapped[UUID]
    retry_at: Mapped[datetime]


class DroppedRecipient(Base):
    """Somebody who was in the audience and gets nothing, with the first reason why."""

    __tablename__ = "dropped_recipients"

    run_id: Mapped[UUID] = mapped_column(ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True)
    no: Mapped[int] = mapped_column(primary_key=True)
    organization_id: Mapped[UUID]
    contact_id: Mapped[UUID | None]
    recipient: Mapped[str | None]
    reason: Mapped[str]
