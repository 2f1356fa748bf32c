"""What people write back by SMS."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, Index
from sqlalchemy.orm import Mapped, mapped_column

from models.rules.sms_keywords import Keyword
from models.tables.base import Base, CreatedAt, Id, one_of


class SmsReply(Base):
    """An inbound SMS as an organization reads it; of one to a number that several share, each has a row.

    `message_id`: the last SMS that the writer had from it, or from that number of it.
    """

    __tablename__ = "sms_replies"
    __table_args__ = (
        CheckConstraint(one_of("keyword", Keyword), name="keyword"),
        Index("ix_sms_replies_organization_id_sender", "organization_id", "sender", "occurred_at"),
        Index("ix_sms_replies_created_at", "created_at", postgresql_using="brin"),
    )

    organization_id: Mapped[UUID] = mapped_column(primary_key=True)
    id: Mapped[Id] = mapped_column(primary_key=True)
    sender: Mapped[str]
    recipient: Mapped[str]
    text: Mapped[str]
    keyword: Mapped[str | None]
    message_id: Mapped[UUID | None]
    occurred_at: Mapped[datetime]
    created_at: Mapped[CreatedAt]
