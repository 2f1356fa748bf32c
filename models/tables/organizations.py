"""Organizations: the tenants. Everything else belongs to one, or to the system."""

from datetime import datetime

from sqlalchemy import CheckConstraint, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from models.tables.base import Base, CreatedAt, Id, Money, Percent


class Organization(Base):
    """A customer. `balance` is the sum of its ledger, kept in the same transactions; it is never below zero."""

    __tablename__ = "organizations"
    __table_args__ = (
        CheckConstraint("balance >= 0", name="balance"),
        CheckConstraint("rate_limit > 0", name="rate_limit"),
        CheckConstraint("uncertain_policy IN ('resend', 'hold', 'fail')", name="uncertain_policy"),
        CheckConstraint(
            "guard_least > 0 AND guard_failed_percent BETWEEN 0 AND 100 AND guard_bounced_percent BETWEEN 0 AND 100"
            " AND guard_complained_percent BETWEEN 0 AND 100",
            name="guards",
        ),
    )

    id: Mapped[Id] = mapped_column(primary_key=True)
    name: Mapped[str]
    currency: Mapped[str] = mapped_column(server_default=text("'EUR'"))
    balance: Mapped[Money] = mapped_column(server_default=text("0"))
    rate_limit: Mapped[int] = mapped_column(server_default=text("60"))  # requests a minute
    timezone: Mapped[str | None]
    uncertain_policy: Mapped[str | None]  # None: nothing was chosen (models/rules/uncertainty.py)
    # When a campaign pauses itself (models/rules/guards.py); a share of NULL is no limit.
    guard_least: Mapped[int] = mapped_column(server_default=text("500"))
    guard_failed_percent: Mapped[Percent | None] = mapped_column(server_default=text("20"))
    guard_bounced_percent: Mapped[Percent | None] = mapped_column(server_default=text("10"))
    guard_complained_percent: Mapped[Percent | None] = mapped_column(server_default=text("0.5"))
    # Of campaigns that do not say.
    quiet_hours: Mapped[dict[str, str] | None] = mapped_column(JSONB(none_as_null=True))  # those of SMS
    track_opens: Mapped[bool] = mapped_column(server_default=text("true"))
    track_clicks: Mapped[bool] = mapped_column(server_default=text("true"))
    is_active: Mapped[bool] = mapped_column(server_default=text("true"))
    contacts_count: Mapped[int] = mapped_column(server_default=text("0"))
    created_at: Mapped[CreatedAt]
    updated_at: Mapped[CreatedAt]
    deactivated_at: Mapped[datetime | None]
