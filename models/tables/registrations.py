"""Email domains with the providers that send for them."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, SmallInteger, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from models.rules.registration import Registration
from models.tables.base import Base, CreatedAt, one_of


class DomainRegistration(Base):
    """A domain with one account: what the provider said of it when it was last asked, and when it is asked again.

    No foreign key: the domain's own row goes first, and this one when the provider has taken it out too.
    """

    __tablename__ = "domain_registrations"
    __table_args__ = (
        CheckConstraint(one_of("state", Registration), name="state"),
        Index("ix_domain_registrations_next_try_at", "next_try_at"),
        Index("ix_domain_registrations_domain_provider", "domain", "provider"),
    )

    email_domain_id: Mapped[UUID] = mapped_column(primary_key=True)
    provider: Mapped[str] = mapped_column(primary_key=True)  # what messages.provider calls the account
    organization_id: Mapped[UUID] = mapped_column(ForeignKey("organizations.id"))
    domain: Mapped[str]
    state: Mapped[str] = mapped_column(server_default=text("'pending'"))
    is_ours: Mapped[bool] = mapped_column(server_default=text("false"))  # we added it there, so we may take it out
    reference: Mapped[str | None]  # what the provider calls it
    records: Mapped[list[dict[str, Any]]] = mapped_column(JSONB, server_default=text("'[]'"))  # it wants to find
    problem: Mapped[str | None]  # what the provider says is wrong, or what people have to do
    is_of_account: Mapped[bool] = mapped_column(server_default=text("false"))  # the problem is no matter of the domain
    tries: Mapped[int] = mapped_column(SmallInteger, server_default=text("0"))  # in this state
    next_try_at: Mapped[datetime] = mapped_column(server_default=text("now()"))
    asked_at: Mapped[datetime | None]
    created_at: Mapped[CreatedAt]
