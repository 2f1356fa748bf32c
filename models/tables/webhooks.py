"""Webhooks: the endpoints of organizations, and each event on its way to each of them."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, Integer, SmallInteger, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.types import Text

from models.rules.webhooks import DeliveryStatus
from models.tables.base import Base, CreatedAt, Id, one_of


class WebhookEndpoint(Base):
    """Where an organization wants to be told of events."""

    __tablename__ = "webhook_endpoints"
    __table_args__ = (
        CheckConstraint("cardinality(event_types) > 0", name="event_types"),
        CheckConstraint("(previous_secret IS NULL) = (previous_secret_until IS NULL)", name="previous_secret"),
        Index("ix_webhook_endpoints_organization_id", "organization_id"),
    )

    id: Mapped[Id] = mapped_column(primary_key=True)
    organization_id: Mapped[UUID] = mapped_column(ForeignKey("organizations.id"))
    url: Mapped[str]
    description: Mapped[str | None]
    event_types: Mapped[list[str]] = mapped_column(ARRAY(Text))
    is_active: Mapped[bool] = mapped_column(server_default=text("true"))
    secret: Mapped[bytes]  # encrypted (models/encryption.py), as is the one before
    previous_secret: Mapped[bytes | None]
    previous_secret_until: Mapped[datetime | None]
    disabled_at: Mapped[datetime | None]  # by us, not by its owner
    disabled_reason: Mapped[str | None]
    failures: Mapped[int] = mapped_column(Integer, server_default=text("0"))  # in a row
    failing_since: Mapped[datetime | None]
    rest_until: Mapped[datetime | None]
    dropped: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))  # ever, of queues that were full
    created_at: Mapped[CreatedAt]
    updated_at: Mapped[CreatedAt]


class WebhookDelivery(Base):
    """One event for one endpoint. What is to be sent is kept as it is signed, byte for byte.

    No foreign key: an endpoint's row would be locked by every window of every sender, and removing one would fail
    windows. What has lost its endpoint is removed a little later.
    """

    __tablename__ = "webhook_deliveries"
    __table_args__ = (
        CheckConstraint(one_of("status", DeliveryStatus), name="status"),
        Index("uq_webhook_deliveries_endpoint_id_event_id", "endpoint_id", "event_id", unique=True),
        Index(
            "ix_webhook_deliveries_pending",
            "endpoint_id",
            "due_at",
            postgresql_where=text("status = 'pending'"),
        ),
        Index(
            "ix_webhook_deliveries_claimed",
            "endpoint_id",
            postgresql_where=text("claimed_until IS NOT NULL"),
        ),
        Index(
            "ix_webhook_deliveries_lost",
            "endpoint_id",
            "id",
            postgresql_where=text("status IN ('failed', 'dropped')"),
        ),
    )

    endpoint_id: Mapped[UUID] = mapped_column(primary_key=True)
    id: Mapped[Id] = mapped_column(primary_key=True)
    organization_id: Mapped[UUID]
    event_id: Mapped[UUID]  # the webhook-id: the same for all endpoints, and on each try
    event_type: Mapped[str]
    payload: Mapped[str]
    status: Mapped[str] = mapped_column(server_default=text("'pending'"))
    tries: Mapped[int] = mapped_column(SmallInteger, server_default=text("0"))  # since it was last asked for
    attempts: Mapped[list[dict[str, Any]]] = mapped_column(JSONB, server_default=text("'[]'"))
    due_at: Mapped[CreatedAt]
    claimed_until: Mapped[datetime | None]
    fence: Mapped[int] = mapped_column(server_default=text("0"))
    created_at: Mapped[CreatedAt]
    finished_at: Mapped[datetime | None]
