"""What an organization may send from: email domains and SMS sender IDs."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, SmallInteger, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from models.rules.sender_id import AdminStatus, ProviderStatus
from models.tables.base import Base, CreatedAt, Id, one_of


class EmailDomain(Base):
    """A domain that mail comes from. Verified by one organization, it cannot be verified by a second."""

    __tablename__ = "email_domains"
    __table_args__ = (
        UniqueConstraint("organization_id", "domain"),
        CheckConstraint("status IN ('pending', 'verified', 'failed')", name="status"),
        CheckConstraint("NOT is_default OR status = 'verified'", name="default_is_verified"),
        CheckConstraint("region IN ('eu', 'us')", name="region"),
        CheckConstraint("(dkim_public_key IS NULL) = (dkim_private_key IS NULL)", name="dkim_pair"),
        Index(
            "uq_email_domains_domain_verified",
            "domain",
            unique=True,
            postgresql_where=text("status = 'verified'"),
        ),
        Index("ix_email_domains_next_check_at", "next_check_at", postgresql_where=text("status = 'verified'")),
        CheckConstraint("rate_per_minute > 0", name="rate_per_minute"),
        Index("ix_email_domains_rate_per_minute", "id", postgresql_where=text("rate_per_minute IS NOT NULL")),
        Index(
            "uq_email_domains_organization_id_default",
            "organization_id",
            unique=True,
            postgresql_where=text("is_default"),
        ),
    )

    id: Mapped[Id] = mapped_column(primary_key=True)
    organization_id: Mapped[UUID] = mapped_column(ForeignKey("organizations.id"))
    domain: Mapped[str]
    status: Mapped[str] = mapped_column(server_default=text("'pending'"))
    is_default: Mapped[bool] = mapped_column(server_default=text("false"))
    default_from_email: Mapped[str | None]
    default_from_name: Mapped[str | None]
    region: Mapped[str] = mapped_column(server_default=text("'eu'"))
    # What DNS said when it was last asked and answered.
    spf_verified: Mapped[bool] = mapped_column(server_default=text("false"))
    dkim_verified: Mapped[bool] = mapped_column(server_default=text("false"))
    dmarc_verified: Mapped[bool] = mapped_column(server_default=text("false"))
    # An operator's word, which DNS does not take back.
    verified_by_operator: Mapped[bool] = mapped_column(server_default=text("false"))
    dkim_selector: Mapped[str] = mapped_column(server_default=text("'exosend'"))
    dkim_public_key: Mapped[str | None]  # Base64 of the SubjectPublicKeyInfo, as it stands in DNS
    dkim_private_key: Mapped[bytes | None]  # PKCS #8, encrypted (models/encryption.py)
    # The last check, whose result alone counts. No foreign key: runs refer to campaigns, and those to domains.
    verification_run_id: Mapped[UUID | None] = mapped_column(index=True)
    last_checked_at: Mapped[datetime | None]
    # Of a verified one: when it is looked at again, and what is missing by now (models/rules/domain_drift.py).
    next_check_at: Mapped[datetime | None]
    drifting_since: Mapped[datetime | None]
    misses: Mapped[int] = mapped_column(SmallInteger, server_default=text("0"))  # checks in a row that found it so
    problems: Mapped[dict[str, str]] = mapped_column(JSONB, server_default=text("'{}'"))  # by record, of the last check
    verified_at: Mapped[datetime | None]
    tracking_host: Mapped[str | None]  # with which the links in its mails begin: DNS says that it leads here
    rate_per_minute: Mapped[int | None]  # what may come from it a minute, of all messages together
    created_at: Mapped[CreatedAt]
    updated_at: Mapped[CreatedAt]


class SenderId(Base):
    """The name or number an SMS comes from. Verified when both the administrator and the provider said yes."""

    __tablename__ = "sender_ids"
    __table_args__ = (
        UniqueConstraint("organization_id", "sender_id"),
        CheckConstraint(one_of("admin_status", AdminStatus), name="admin_status"),
        CheckConstraint(one_of("provider_status", ProviderStatus), name="provider_status"),
        CheckConstraint("provider_status = 'pending' OR admin_status = 'approved'", name="stages"),
        CheckConstraint("NOT is_default OR provider_status = 'verified'", name="default_is_verified"),
        CheckConstraint("rate_per_minute > 0", name="rate_per_minute"),
        Index("ix_sender_ids_rate_per_minute", "id", postgresql_where=text("rate_per_minute IS NOT NULL")),
        Index(
            "uq_sender_ids_organization_id_default",
            "organization_id",
            unique=True,
            postgresql_where=text("is_default"),
        ),
    )

    id: Mapped[Id] = mapped_column(primary_key=True)
    organization_id: Mapped[UUID] = mapped_column(ForeignKey("organizations.id"))
    sender_id: Mapped[str]
    admin_status: Mapped[str] = mapped_column(server_default=text("'pending'"))
    provider_status: Mapped[str] = mapped_column(server_default=text("'pending'"))
    is_default: Mapped[bool] = mapped_column(server_default=text("false"))
    rejection_reason: Mapped[str | None]
    message_count: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    approved_at: Mapped[datetime | None]
    verified_at: Mapped[datetime | None]
    rate_per_minute: Mapped[int | None]  # what may come from it a minute, of all messages together
    created_at: Mapped[CreatedAt]
    updated_at: Mapped[CreatedAt]

    @property
    def is_verified(self) -> bool:
        """Whether messages may come from it: both stages said yes."""
        return self.provider_status == ProviderStatus.VERIFIED
