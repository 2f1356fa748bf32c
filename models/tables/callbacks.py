"""What providers send back by themselves: requests as they came, inbound SMS, and by what their events are matched.

`provider` is everywhere the name of an account (models/rules/provider_names.py): keys and references are unique in an
account, and no account can take those of another.
"""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import BigInteger, Index, LargeBinary, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from models.tables.base import Base, CreatedAt, Id


class StoredCallback(Base):
    """A signed request as it came, kept once, so that an operator can look at it and have it read again.

    `headers_encrypted` are all of its headers, as JSON: some vendors send a password in one. `problem`: why it could
    not be read; nothing of it was applied then.
    """

    __tablename__ = "callbacks"
    __table_args__ = (
        UniqueConstraint("provider", "hash"),
        Index("ix_callbacks_received_at", "received_at", postgresql_using="brin"),
        Index("ix_callbacks_problem", "id", postgresql_where=text("problem IS NOT NULL")),
    )

    id: Mapped[Id] = mapped_column(primary_key=True)
    organization_id: Mapped[UUID | None]  # whose account it is; None of the platform's
    provider: Mapped[str]
    hash: Mapped[bytes] = mapped_column(LargeBinary)
    url: Mapped[str]
    headers_encrypted: Mapped[bytes] = mapped_column(LargeBinary)
    body: Mapped[bytes] = mapped_column(LargeBinary)
    events: Mapped[int]
    problem: Mapped[str | None]
    received_at: Mapped[CreatedAt]


class InboundMessage(Base):
    """An SMS that somebody wrote to a number of ours. It waits until `handled_at` is set."""

    __tablename__ = "inbound_messages"
    __table_args__ = (
        UniqueConstraint("provider", "key"),
        Index("ix_inbound_messages_waiting", "id", postgresql_where=text("handled_at IS NULL")),
        Index("ix_inbound_messages_received_at", "received_at", postgresql_using="brin"),
    )

    id: Mapped[Id] = mapped_column(primary_key=True)
    organization_id: Mapped[UUID | None]  # whose account it came by; None of the platform's
    provider: Mapped[str]
    key: Mapped[str]
    sender: Mapped[str]
    recipient: Mapped[str]
    text: Mapped[str]
    occurred_at: Mapped[datetime]
    received_at: Mapped[CreatedAt]
    handled_at: Mapped[datetime | None]


class MessageReference(Base):
    """The provider's own id of a message that it took, where its events name the message by nothing else."""

    __tablename__ = "message_references"
    __table_args__ = (Index("ix_message_references_made_at", "made_at", postgresql_using="brin"),)

    provider: Mapped[str] = mapped_column(primary_key=True)
    ref: Mapped[str] = mapped_column(primary_key=True)
    message_id: Mapped[UUID] = mapped_column(primary_key=True)
    made_on: Mapped[date]
    organization_id: Mapped[UUID]
    made_at: Mapped[CreatedAt]


class ReportCount(Base):
    """How many events of a provider came to nothing, and why (models/rules/callbacks.py)."""

    __tablename__ = "report_counts"

    provider: Mapped[str] = mapped_column(primary_key=True)
    outcome: Mapped[str] = mapped_column(primary_key=True)
    events: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
