"""What is known about the requests of an organization: how many there were lately, and the answers that are kept."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Index, SmallInteger
from sqlalchemy.orm import Mapped, mapped_column

from models.tables.base import Base, CreatedAt


class RequestCount(Base):
    """The requests of an organization in its present minute. Unlogged: after a crash the minute begins anew.

    Only the function admit_requests writes it. `requests_before` are those of the minute before the last ones that were
    admitted together.
    """

    __tablename__ = "request_counts"
    __table_args__ = {"prefixes": ["UNLOGGED"]}  # noqa: RUF012

    organization_id: Mapped[UUID] = mapped_column(ForeignKey("organizations.id"), primary_key=True)
    counted_from: Mapped[datetime]
    requests: Mapped[int]
    requests_before: Mapped[int] = mapped_column(server_default="0")


class IdempotencyKey(Base):
    """The answer of a POST, for when the same request comes again under the same key. Only answers of 2xx are kept."""

    __tablename__ = "idempotency_keys"
    __table_args__ = (Index("ix_idempotency_keys_made_at", "made_at"),)

    organization_id: Mapped[UUID] = mapped_column(ForeignKey("organizations.id"), primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    request_hash: Mapped[bytes]  # SHA-256; api/idempotency.py says of what
    status: Mapped[int] = mapped_column(SmallInteger)
    answer: Mapped[str]  # text, since JSONB would change the order of keys and the form of numbers
    made_at: Mapped[CreatedAt]
