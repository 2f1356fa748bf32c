"""Which accounts receive over SMPP, and where what they receive is kept: with what other providers report."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import UUID

from models.errors import SetupError
from models.rules.provider_names import provider_name
from models.session import Database
from models.settings import Settings
from models.store.callbacks import receive_events
from models.store.provider_accounts import accounts_of, open_url
from tasks.providers.account import scheme_of
from tasks.providers.smpp_receiver import Event
from tasks.providers.smpp_url import SCHEMES, SmppAddress, parse_smpp_url
from tasks.reports.receiving import rows_of

_VENDOR = "smpp"


@dataclass(frozen=True, slots=True)
class ReceivingAccount:
    """An account at an SMSC. `provider`: what messages.provider calls it. Equal where nothing of it has changed."""

    provider: str
    organization_id: UUID | None
    address: SmppAddress = field(repr=False)


def receiving_accounts(database: Database, settings: Settings) -> set[ReceivingAccount]:
    """The accounts of the database and of EXOSEND_SMS_URL that are at an SMSC. One whose URL cannot be used, or not be
    opened, is left out: sending says so."""
    accounts = set()
    if settings.sms_url and scheme_of(settings.sms_url) in SCHEMES:
        address = parse_smpp_url("EXOSEND_SMS_URL", settings.sms_url)
        accounts.add(ReceivingAccount(provider_name(_VENDOR, None), None, address))
    with database.transaction(None) as session:
        stored = [account for account in accounts_of(session, "sms") if account.vendor == _VENDOR and account.is_active]
    for account in stored:
        try:
            address = parse_smpp_url(f"The account {account.name}", open_url(settings, account))
        except SetupError:
            continue
        accounts.add(ReceivingAccount(account.provider, account.organization_id, address))
    return accounts


def keep_events(database: Database, account: ReceivingAccount, events: Sequence[Event]) -> None:
    """Keep what an account received until the courier applies it. Blocks; raises what Postgres raises."""
    now = datetime.now(UTC)
    rows = rows_of(events, now)
    with database.transaction(None) as session:
        receive_events(session, account.provider, account.organization_id, now, rows.events, rows.inbound)
