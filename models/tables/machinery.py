"""What processes tell each other: that they live, and how fast they may send."""

from datetime import datetime
from typing import Any
from uuid import UUID

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


class ProviderCircuit(Base):
    """How a provider does, for all who send by it: a row is there while something is wrong (models/rules/circuit.py).

    Unlogged: after a crash of Postgres everybody tries again.
    """

    __tablename__ = "provider_circuits"
    __table_args__ = {"prefixes": ["UNLOGGED"]}  # noqa: RUF012

    name: Mapped[str] = mapped_column(primary_key=True)
    failures: Mapped[int] = mapped_column(server_default=text("0"))  # windows in a row that did not get through
    opened: Mapped[int] = mapped_column(server_default=text("0"))  # how often in a row
    open_until: Mapped[datetime | None]
    probed_until: Mapped[datetime | None]  # somebody tries whether it works again
    throttled_until: Mapped[datetime | None]  # it asked for a pause
    detail: Mapped[str | None]
    failed_at: Mapped[CreatedAt]


class RateBucket(Base):
    """A token bucket that all senders of one limit share. Unlogged: after a crash it starts full again."""

    __tablename__ = "rate_buckets"
    __table_args__ = {"prefixes": ["UNLOGGED"]}  # noqa: RUF012

    name: Mapped[str] = mapped_column(primary_key=True)
    tokens: Mapped[float] = mapped_column(Double)
    refilled_at: Mapped[datetime]
    turn: Mapped[float] = mapped_column(Double, server_default=text("0"))  # where the last one that took began


class RateTurn(Base):
    """A run that takes tokens of a bucket beside others: how many it had, and whether it waits for more.

    Written by the function take_tokens (migration 0014). Unlogged, as the buckets are.
    """

    __tablename__ = "rate_turns"
    __table_args__ = {"prefixes": ["UNLOGGED"]}  # noqa: RUF012

    bucket: Mapped[str] = mapped_column(primary_key=True)
    run_id: Mapped[UUID] = mapped_column(primary_key=True, index=True)
    organization_id: Mapped[UUID]
    served: Mapped[float] = mapped_column(Double)
    wanted: Mapped[float] = mapped_column(Double)
    waits_until: Mapped[datetime | None]
    seen_at: Mapped[CreatedAt]
