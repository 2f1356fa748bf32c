"""What came of reconciling."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Index, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from models.tables.base import Base, CreatedAt, Id


class Reconciliation(Base):
    """One look at all laws, of one organization or of all (NULL). `details` counts differences by law."""

    __tablename__ = "reconciliations"
    __table_args__ = (Index("ix_reconciliations_finished_at", "finished_at"),)

    id: Mapped[Id] = mapped_column(primary_key=True)
    organization_id: Mapped[UUID | None]
    started_at: Mapped[datetime]
    finished_at: Mapped[CreatedAt]
    organizations: Mapped[int]
    comparisons: Mapped[int] = mapped_column(BigInteger)
    differences: Mapped[int] = mapped_column(BigInteger)
    unfinished: Mapped[int]  # laws that took too long to be looked through, each organization counted
    details: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default=text("'{}'"))
