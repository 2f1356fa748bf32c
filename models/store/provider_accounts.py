"""Accounts with providers: the platform's, and organizations' own. What is secret of them is encrypted here."""

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from sqlalchemy import delete, exists, func, or_, select, text, update
from sqlalchemy.orm import Session

from models.encryption import decrypt, encrypt
from models.errors import NotFound
from models.rules.ids import new_id
from models.rules.provider_names import provider_name
from models.rules.rate_limits import Limit
from models.rules.routing import Way
from models.settings import Settings
from models.store.constraints import unique_fields
from models.store.organizations import audit, read_organization
from models.tables import ProviderAccount

_UNIQUE = {"uq_provider_accounts_organization_id_channel_name": "name"}


@dataclass(frozen=True, slots=True)
class Account:
    """An account. `id` None: the one that the environment configures. `url` is the vendor's address with its secret,
    encrypted: `open_url` opens it. `organization_id` None: the platform's."""

    id: UUID | None
    organization_id: UUID | None
    channel: str
    vendor: str
    name: str
    url: bytes = field(repr=False)
    priority: int = 100
    weight: int = 1
    countries: frozenset[str] | None = None
    rate_per_minute: int | None = None
    is_active: bool = True

    @property
    def provider(self) -> str:
        """What `messages.provider` calls it."""
        return provider_name(self.vendor, self.id)

    @property
    def way(self) -> Way:
        """What routing looks at."""
        is_own = self.organization_id is not None
        return Way(self.provider, is_own, self.priority, self.weight, self.countries)

    @property
    def limit(self) -> Limit | None:
        """Its rate. Its bucket goes by the name that its circuit has."""
        if self.rate_per_minute is None:
            return None
        return Limit(f"account:{self.channel}/{self.provider}", self.rate_per_minute)


@dataclass(frozen=True, slots=True)
class CallbackAccount:
    """Whose callbacks come under an address. `keys`: secrets of their signatures, of which any one may fit; with none
    nothing is believed. `provider`: what `messages.provider` calls the account. `organization_id` None: its messages
    are of many organizations."""

    provider: str
    vendor: str
    channel: str
    organization_id: UUID | None
    keys: tuple[str, ...] = field(repr=False)


def add_account(
    session: Session,
    settings: Settings,
    organization_id: UUID | None,
    *,
    channel: str,
    vendor: str,
    name: str,
    url: str,
    callback_keys: Sequence[str] = (),
    priority: int = 100,
    weight: int = 1,
    countries: Collection[str] | None = None,
    rate_per_minute: int | None = None,
    actor: str,
) -> ProviderAccount:
    """A new account of an organization, or of the platform (None); audited. Whether the URL can be used is for the
    caller to know.

    Raises NotFound for the organization, InvalidInput for a name that is taken, SetupError without a secret key.
    """
    if organization_id is not None:
        read_organization(session, organization_id)
    row = ProviderAccount(
        id=new_id(),
        organization_id=organization_id,
        channel=channel,
        vendor=vendor,
        name=name,
        url_encrypted=encrypt(settings, url.encode()),
        callback_keys_encrypted=_sealed(settings, callback_keys),
        priority=priority,
        weight=weight,
        countries=sorted(countries) if countries else None,
        rate_per_minute=rate_per_minute,
        is_active=True,
    )
    session.add(row)
    with unique_fields(_UNIQUE):
        session.flush()
    _audit(session, row, "added", actor, priority=priority, weight=weight, countries=row.countries)
    return row


def list_accounts(session: Session) -> Sequence[ProviderAccount]:
    """All accounts, the platform's first, in the order of their priorities. For the engine."""
    chosen = select(ProviderAccount).order_by(
        ProviderAccount.organization_id.nulls_first(),
        ProviderAccount.channel,
        ProviderAccount.priority,
        ProviderAccount.name,
    )
    return session.execute(chosen).scalars().all()


def read_account(session: Session, account_id: UUID, *, lock: bool = False) -> ProviderAccount:
    """The account. For the engine. Raises NotFound."""
    row = session.get(ProviderAccount, account_id, with_for_update=lock)
    if row is None:
        raise NotFound(f"There is no account {account_id}; `exosend providers list` shows them.")
    return row


def set_active(session: Session, account_id: UUID, *, is_active: bool, actor: str) -> ProviderAccount:
    """Switch an account off or on; audited when that changes something. Senders know it within seconds. Raises
    NotFound."""
    row = read_account(session, account_id, lock=True)
    if row.is_active != is_active:
        _change(session, row, is_active=is_active)
        _audit(session, row, "enabled" if is_active else "disabled", actor)
    return row


def replace_secrets(
    session: Session,
    settings: Settings,
    account_id: UUID,
    *,
    url: str | None = None,
    callback_keys: Sequence[str] | None = None,
    actor: str,
) -> ProviderAccount:
    """Give an account another URL, of the same vendor, or other keys of its callbacks; audited, without them.

    Raises NotFound, SetupError without a secret key.
    """
    row = read_account(session, account_id, lock=True)
    values: dict[str, Any] = {}
    if url is not None:
        values["url_encrypted"] = encrypt(settings, url.encode())
    if callback_keys is not None:
        values["callback_keys_encrypted"] = _sealed(settings, callback_keys)
    if values:
        _change(session, row, **values)
        _audit(session, row, "secrets_changed", actor, changed=sorted(values))
    return row


def remove_account(session: Session, account_id: UUID, *, actor: str) -> ProviderAccount:
    """Delete an account, and its secrets with it; audited. What it sent keeps its name. Raises NotFound."""
    row = read_account(session, account_id, lock=True)
    session.execute(delete(ProviderAccount).where(ProviderAccount.id == account_id))
    _audit(session, row, "removed", actor)
    return row


def open_url(settings: Settings, account: Account) -> str:
    """An account's URL. Raises SetupError without the secret key that it was stored under."""
    return account.url.decode() if account.id is None else decrypt(settings, account.url).decode()


def accounts_of(session: Session, channel: str) -> tuple[Account, ...]:
    """All accounts of a channel, those that are switched off as well. For the engine, which asks every few seconds."""
    table = ProviderAccount
    chosen = select(
        table.id,
        table.organization_id,
        table.channel,
        table.vendor,
        table.name,
        table.url_encrypted,
        table.priority,
        table.weight,
        table.countries,
        table.rate_per_minute,
        table.is_active,
    ).where(table.channel == channel)
    return tuple(to_account(row) for row in session.execute(chosen.order_by(table.id)))


def account_vendors(session: Session, organization_id: UUID, channel: str) -> set[str]:
    """The vendors that an organization's messages of a channel may go by, but for what the environment configures."""
    whose = or_(ProviderAccount.organization_id == organization_id, ProviderAccount.organization_id.is_(None))
    chosen = select(ProviderAccount.vendor).where(ProviderAccount.channel == channel, whose).distinct()
    return set(session.execute(chosen).scalars())


def has_platform_account(session: Session, channel: str) -> bool:
    """Whether the platform has an account for a channel, switched off or not: then nothing goes to the sandbox."""
    there = exists().where(ProviderAccount.channel == channel, ProviderAccount.organization_id.is_(None))
    return bool(session.execute(select(there)).scalar_one())


def to_account(row: Any) -> Account:
    """What sending knows of a row."""
    return Account(
        id=row.id,
        organization_id=row.organization_id,
        channel=row.channel,
        vendor=row.vendor,
        name=row.name,
        url=row.url_encrypted,
        priority=row.priority,
        weight=row.weight,
        countries=None if row.countries is None else frozenset(row.countries),
        rate_per_minute=row.rate_per_minute,
        is_active=row.is_active,
    )


def find_callback_account(session: Session, settings: Settings, account_id: UUID) -> CallbackAccount | None:
    """Whose callbacks come under an account's id, with their keys; None for an id that is no account's.

    For the API, which can read nothing else that is secret of an account. Raises SetupError without the secret key
    that the keys were stored under.
    """
    found = session.execute(
        text("SELECT vendor, channel, organization_id, callback_keys_encrypted FROM callback_account(:id)"),
        {"id": account_id},
    ).one_or_none()
    if found is None:
        return None
    stored = found.callback_keys_encrypted
    return CallbackAccount(
        provider=provider_name(found.vendor, account_id),
        vendor=found.vendor,
        channel=found.channel,
        organization_id=found.organization_id,
        keys=() if stored is None else tuple(json.loads(decrypt(settings, stored))),
    )


def _sealed(settings: Settings, keys: Sequence[str]) -> bytes | None:
    return encrypt(settings, json.dumps(list(keys)).encode()) if keys else None


def _change(session: Session, row: ProviderAccount, **values: Any) -> None:
    changed = update(ProviderAccount).where(ProviderAccount.id == row.id)
    session.execute(changed.values(**values, updated_at=func.now()))
    session.refresh(row)


def _audit(session: Session, row: ProviderAccount, what: str, actor: str, **details: Any) -> None:
    audit(
        session,
        row.organization_id,
        actor=actor,
        action=f"provider_account.{what}",
        subject=str(row.id),
        details={"channel": row.channel, "vendor": row.vendor, "name": row.name, **details},
    )
