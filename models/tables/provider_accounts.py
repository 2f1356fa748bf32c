"""Accounts that messages are sent by: which vendor, whose, in what order."""

from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, Text, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from models.tables.base import Base, CreatedAt, Id


class ProviderAccount(Base):
    """An account with a vendor. Without an organization: the platform's, by which every organization sends.

    `url_encrypted` is the vendor's address with the account's name and secret (models/encryption.py), as
    EXOSEND_EMAIL_URL would be. exosend_api cannot read it: it is granted the columns without secrets, and gets the
    keys of an account's callbacks by the function callback_account alone.
    """

    __tablename__ = "provider_accounts"
    __table_args__ = (
        CheckConstraint("channel IN ('email', 'sms')", name="channel"),
        CheckConstraint("priority BETWEEN 0 AND 1000", name="priority"),
        CheckConstraint("weight BETWEEN 1 AND 1000", name="weight"),
        CheckConstraint("countries IS NULL OR (channel = 'sms' AND cardinality(countries) > 0)", name="countries"),
        CheckConstraint("rate_per_minute > 0", name="rate_per_minute"),
        Index(
            "uq_provider_accounts_organization_id_channel_name",
            "organization_id",
            "channel",
            "name",
            unique=True,
            postgresql_nulls_not_distinct=True,
        ),
    )

    id: Mapped[Id] = mapped_column(primary_key=True)
    organization_id: Mapped[UUID | None] = mapped_column(ForeignKey("organizations.id"))
    channel: Mapped[str]
    vendor: Mapped[str]  # a module of tasks/providers/vendors, or smtp
    name: Mapped[str]
    url_encrypted: Mapped[bytes]
    callback_keys_encrypted: Mapped[bytes | None]  # a JSON list of the secrets that callbacks are signed with
    priority: Mapped[int] = mapped_column(server_default=text("100"))  # lower ones first
    weight: Mapped[int] = mapped_column(server_default=text("1"))  # its part of what accounts of equal priority send
    countries: Mapped[list[str] | None] = mapped_column(ARRAY(Text))  # ISO 3166-1; None: everywhere
    rate_per_minute: Mapped[int | None]  # what it takes a minute, of all messages together
    is_active: Mapped[bool] = mapped_column(server_default=text("true"))
    created_at: Mapped[CreatedAt]
    updated_at: Mapped[CreatedAt]
