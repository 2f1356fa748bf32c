"""What processes tell each other: that they live, and how fast they may send."""

from datetime import datetime
from typing import Any

from sqlalchemy import Double, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from models.tables.base import Base, CreatedAt


class Heartbeat(Base):
    """The last sign of life of a process."""

    __tablename__ = "heartbeats"

    name: Mapped[str] = mapped_column(primary_key=True)  # courier@host:pid
    kind: Mapped[str]
    seen_at: Mapped[CreatedAt]
    details: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default=text("'{}'"))


class RateBucket(Base):
    """A token bucket that all senders of one limit share. Unlogged: after a crash it starts full again."""

    __tablename__ = "rate_buckets"
    __table_args__ = {"prefixes": ["UNLOGGED"]}  # noqa: RUF012

    name: Mapped[str] = mapped_column(primary_key=True)
    tokens: Mapped[float] = mapped_column(Double)
    refilled_at: Mapped[datetime]
