"""Messages and what was reported of them. Both are partitioned by month and have no foreign keys to them."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, SmallInteger, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from models.rules.lifecycle import MessageState
from models.tables.base import Base, CreatedAt, Id, Money, one_of


class Message(Base):
    """One message to one recipient. Its id follows from its run and position (models/rules/ids.py).

    `made_on` is the day in the id, so that a look-up by id touches one partition. No index names `state`: a change
    of state then stays on its page (HOT), which is what 60,000 outcomes a second need.
    """

    __tablename__ = "messages"
    __table_args__ = (
        UniqueConstraint("run_id", "dedupe_key", "made_on"),
        CheckConstraint(one_of("state", MessageState), name="state"),
        Index("ix_messages_organization_id_id", "organization_id", "channel", "id"),
        # Who wrote to a number last: it may answer STOP.
        Index("ix_messages_sms_recipient", "recipient", "id", postgresql_where=text("channel = 'sms'")),
        {"postgresql_partition_by": "RANGE (made_on)"},
    )

    id: Mapped[Id] = mapped_column(primary_key=True)
    made_on: Mapped[date] = mapped_column(primary_key=True)
    organization_id: Mapped[UUID]
    run_id: Mapped[UUID | None]  # None of a single message
    content_id: Mapped[UUID]
    contact_id: Mapped[UUID | None]
    channel: Mapped[str]
    recipient: Mapped[str]
    dedupe_key: Mapped[str]
    position: Mapped[int]
    variables: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    state: Mapped[str] = mapped_column(server_default=text("'planned'"))
    cost: Mapped[Money]
    tries: Mapped[int] = mapped_column(SmallInteger, server_default=text("0"))
    provider: Mapped[str | None]
    provider_ref: Mapped[str | None]
    error_code: Mapped[str | None]
    error_message: Mapped[str | None]
    first_tried_at: Mapped[datetime | None]
    sent_at: Mapped[datetime | None]  # accepted by the provider
    segments: Mapped[int | None] = mapped_column(SmallInteger)
    to_name: Mapped[str | None]
    metadata_: Mapped[dict[str, Any] | None] = mapped_column("metadata", JSONB(none_as_null=True))
    # When it was first reported.
    delivered_at: Mapped[datetime | None]
    opened_at: Mapped[datetime | None]
    clicked_at: Mapped[datetime | None]
    bounced_at: Mapped[datetime | None]
    complained_at: Mapped[datetime | None]
    unsubscribed_at: Mapped[datetime | None]
    # How often it went out again although nobody knew whether it had been taken: who has more than 0 may have it twice.
    resends: Mapped[int] = mapped_column(SmallInteger, server_default=text("0"))


class UncertainMessage(Base):
    """A message that was handed over and of which no answer is known, until somebody knows or decides.

    `since`: when it became uncertain; until then a claim or lease held it. `judge_at`: not before that is it looked at.
    `is_held`: the policy leaves it. `decision`: what people decided, to be carried out. A row whose message is not
    uncertain any more means nothing.
    """

    __tablename__ = "uncertain_messages"
    __table_args__ = (
        CheckConstraint("channel IN ('email', 'sms')", name="channel"),
        CheckConstraint("decision IN ('accept', 'fail', 'resend')", name="decision"),
        Index(
            "ix_uncertain_messages_judge_at",
            "judge_at",
            postgresql_where=text("NOT is_held OR decision IS NOT NULL"),
        ),
        Index("ix_uncertain_messages_run_id", "run_id", "message_id"),
    )

    message_id: Mapped[UUID] = mapped_column(primary_key=True)
    made_on: Mapped[date]
    organization_id: Mapped[UUID]
    run_id: Mapped[UUID | None]  # None of a single message
    chunk_no: Mapped[int | None]  # the chunk that counts it
    channel: Mapped[str]
    since: Mapped[CreatedAt]
    judge_at: Mapped[CreatedAt]
    is_held: Mapped[bool] = mapped_column(server_default=text("false"))
    decision: Mapped[str | None]


class Outbox(Base):
    """A message that the courier sends itself, since it must not wait for a flow: singles, and small runs'.

    The row is there until the message's outcome is known. `claimed_until` is set in the transaction before the
    hand-over: a row that is claimed, and whose courier is gone, may have been handed over. `fence` counts the claims:
    what is written under an older one changes nothing.
    """

    __tablename__ = "outbox"
    __table_args__ = (
        CheckConstraint("channel IN ('email', 'sms')", name="channel"),
        Index("ix_outbox_due_at", "channel", "organization_id", "due_at"),
        Index("ix_outbox_run_id", "run_id", postgresql_where=text("run_id IS NOT NULL")),
        {
            "postgresql_with": {
                "fillfactor": "50",
                "autovacuum_vacuum_scale_factor": "0",
                "autovacuum_vacuum_threshold": "2000",
            }
        },
    )

    message_id: Mapped[UUID] = mapped_column(primary_key=True)
    organization_id: Mapped[UUID]
    run_id: Mapped[UUID | None]
    channel: Mapped[str]
    due_at: Mapped[CreatedAt]
    claimed_until: Mapped[datetime | None]
    claimed_by: Mapped[str | None]
    fence: Mapped[int] = mapped_column(server_default=text("0"))
    chunk_no: Mapped[int] = mapped_column(server_default=text("0"))  # of a run: the chunk that counts it


class IncomingEvent(Base):
    """A provider's report that came in and is not applied yet. It waits until `due_at`.

    It is about `message_id` or, where the provider does not name that, about the message that it took under
    `provider_ref` for `recipient`. `looks`: how often nothing was found under the reference.
    """

    __tablename__ = "incoming_events"
    __table_args__ = (
        CheckConstraint("message_id IS NOT NULL OR provider_ref IS NOT NULL", name="message"),
        Index("ix_incoming_events_due_at", "due_at"),
        Index("ix_incoming_events_parked", "provider", postgresql_where=text("looks > 0")),
    )

    id: Mapped[Id] = mapped_column(primary_key=True)
    organization_id: Mapped[UUID | None]  # who may be reported about; None: an account of the platform's, which is all
    provider: Mapped[str]
    key: Mapped[str]  # unique of the provider
    message_id: Mapped[UUID | None]
    provider_ref: Mapped[str | None]
    recipient: Mapped[str | None]
    kind: Mapped[str]
    occurred_at: Mapped[datetime]
    payload: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default=text("'{}'"))
    due_at: Mapped[CreatedAt]
    received_at: Mapped[CreatedAt]
    looks: Mapped[int] = mapped_column(SmallInteger, server_default=text("0"))


class Event(Base):
    """A report about a message: delivered, opened, clicked, bounced … Append-only."""

    __tablename__ = "events"
    __table_args__ = (
        Index("ix_events_message_id", "message_id"),
        {"postgresql_partition_by": "RANGE (made_on)"},
    )

    id: Mapped[Id] = mapped_column(primary_key=True)
    made_on: Mapped[date] = mapped_column(primary_key=True)
    organization_id: Mapped[UUID]
    run_id: Mapped[UUID | None]
    message_id: Mapped[UUID]
    kind: Mapped[str]
    occurred_at: Mapped[datetime]
    received_at: Mapped[CreatedAt]
    payload: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default=text("'{}'"))


class EventKey(Base):
    """A provider's event that was stored already. Not partitioned, so that it is unique for all time it is kept."""

    __tablename__ = "event_keys"
    __table_args__ = (Index("ix_event_keys_made_at", "made_at", postgresql_using="brin"),)

    provider: Mapped[str] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    made_at: Mapped[CreatedAt]
