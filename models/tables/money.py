"""The ledger, and what things cost."""

from datetime import date
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Identity, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from models.tables.base import Base, CreatedAt, Id, Money


class LedgerEntry(Base):
    """One movement of credits. Append-only; its id is made from what it is for, so none is written twice.

    `amount` is signed: what comes to the organization is positive. Σ amount = organizations.balance, always.
    """

    __tablename__ = "ledger_entries"
    __table_args__ = (
        CheckConstraint("kind IN ('topup', 'hold', 'release', 'charge', 'refund')", name="kind"),
        CheckConstraint("(kind IN ('topup', 'release', 'refund')) = (amount >= 0) OR amount = 0", name="sign"),
        CheckConstraint("balance_after >= 0", name="balance_after"),
        Index("ix_ledger_entries_organization_id_seq", "organization_id", "seq"),
        Index("ix_ledger_entries_run_id", "run_id", postgresql_where=text("run_id IS NOT NULL")),
    )

    id: Mapped[Id] = mapped_column(primary_key=True)
    organization_id: Mapped[UUID] = mapped_column(ForeignKey("organizations.id"))
    seq: Mapped[int] = mapped_column(BigInteger, Identity(always=True))
    kind: Mapped[str]
    amount: Mapped[Money]
    balance_after: Mapped[Money]
    run_id: Mapped[UUID | None]
    message_id: Mapped[UUID | None]
    reason: Mapped[str]
    reference: Mapped[str | None]
    created_at: Mapped[CreatedAt]


class Price(Base):
    """What one message (email) or one segment (SMS, by the longest matching prefix) costs from a day on."""

    __tablename__ = "prices"
    __table_args__ = (
        CheckConstraint("channel IN ('email', 'sms')", name="channel"),
        CheckConstraint("price >= 0", name="price"),
        Index("ix_prices_in_force", "channel", "currency", "valid_from"),
    )

    channel: Mapped[str] = mapped_column(primary_key=True)
    prefix: Mapped[str] = mapped_column(primary_key=True)  # E.164 digits without the +; empty for email
    currency: Mapped[str] = mapped_column(primary_key=True)
    valid_from: Mapped[date] = mapped_column(primary_key=True)
    price: Mapped[Money]
