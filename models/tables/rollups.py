"""Counts kept beside messages and events, written with them."""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, SmallInteger, text
from sqlalchemy.orm import Mapped, mapped_column

from models.tables.base import Base

_ZERO = text("0")


class DailyCount(Base):
    """What became of an organization's messages that were sent (accepted) on a day (UTC), each recipient once.

    The numbers of a day are the sums over its shards: whoever counts adds to the row of its own.
    """

    __tablename__ = "daily_counts"
    __table_args__ = (
        CheckConstraint("channel IN ('email', 'sms')", name="channel"),
        {"postgresql_with": {"fillfactor": "50"}},
    )

    organization_id: Mapped[UUID] = mapped_column(primary_key=True)
    channel: Mapped[str] = mapped_column(primary_key=True)
    day: Mapped[date] = mapped_column(primary_key=True)
    shard: Mapped[int] = mapped_column(SmallInteger, primary_key=True)
    sent: Mapped[int] = mapped_column(server_default=_ZERO)
    delivered: Mapped[int] = mapped_column(server_default=_ZERO)
    opened: Mapped[int] = mapped_column(server_default=_ZERO)
    clicked: Mapped[int] = mapped_column(server_default=_ZERO)
    bounced: Mapped[int] = mapped_column(server_default=_ZERO)
    complained: Mapped[int] = mapped_column(server_default=_ZERO)
    unsubscribed: Mapped[int] = mapped_column(server_default=_ZERO)


class RunLink(Base):
    """How often a link of a run was clicked, by its original URL; `hash` is SHA-256 of that, which may be long."""

    __tablename__ = "run_links"

    run_id: Mapped[UUID] = mapped_column(ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True)
    hash: Mapped[bytes] = mapped_column(primary_key=True)
    organization_id: Mapped[UUID]
    url: Mapped[str]
    clicks: Mapped[int] = mapped_column(server_default=_ZERO)
    messages: Mapped[int] = mapped_column(server_default=_ZERO)  # in which it was clicked at least once


class RunClient(Base):
    """In what a run's messages were opened first: how many on this kind of device, in this mail client."""

    __tablename__ = "run_clients"

    run_id: Mapped[UUID] = mapped_column(ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True)
    device: Mapped[str] = mapped_column(primary_key=True)
    client: Mapped[str] = mapped_column(primary_key=True)
    organization_id: Mapped[UUID]
    messages: Mapped[int] = mapped_column(server_default=_ZERO)


class SoftBounce(Base):
    """A message that bounced softly, and after which its recipient got nothing yet. Five of them suppress."""

    __tablename__ = "soft_bounces"
    organization_id: Mapped[UUID] = mapped_column(primary_key=True)
    recipient: Mapped[str] = mapped_column(primary_key=True)
    message_id: Mapped[UUID] = mapped_column(primary_key=True)
    occurred_at: Mapped[datetime]
