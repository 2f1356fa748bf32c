"""Domains are added to the accounts that send for them, and taken out when they are removed.

What is wanted follows from the tables alone: each domain with each active account of its organization's route. So
nobody has to say that a domain or an account is new, and whoever was away catches up. What a provider says never
changes what DNS said: a domain is verified or not by its own records.
"""

import logging
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from math import inf

from models.encryption import decrypt
from models.errors import SetupError
from models.rules.domain_names import zone_of
from models.rules.registration import LEAVING_TRIES, Registration
from models.session import Database
from models.settings import Settings
from models.store.domain_registrations import (
    Told,
    end_registration,
    hand_on,
    is_verified_elsewhere,
    look_for_all_domains,
    look_for_new_domains,
    record_registration,
    records_in,
    rest_account,
    take_registration,
)
from models.store.provider_accounts import Account, accounts_of, open_url
from models.tables import DomainRegistration, EmailDomain
from tasks.domains.keys import with_key
from tasks.providers.registrar import (
    ByHand,
    DomainRefused,
    DomainRegistrar,
    DomainToRegister,
    RegisteredDomain,
    RegistrarAway,
    registrar_of,
)
from tasks.providers.registry import default_account

log = logging.getLogger(__name__)

_LOOK_AT_ALL_SECONDS = 60.0
_RECENTLY = timedelta(minutes=10)  # machines' clocks differ, and a transaction may be long
_REST = timedelta(minutes=2)  # of an account that is away
_TAKEN = "The domain is verified by another organization."


class Registering:
    """Asks providers about domains, one after another."""

    def __init__(self, database: Database, settings: Settings) -> None:
        self._database = database
        self._settings = settings
        self._accounts: dict[str, Account] = {}
        self._looked_at = -inf

    def look(self) -> None:
        """Find out which accounts and domains there are."""
        default = default_account(self._settings, "email")
        with self._database.transaction(None) as session:
            stored = [account for account in accounts_of(session, "email") if account.is_active]
            accounts = [*stored, *([] if default is None else [default])]
            known = {account.provider: account for account in accounts}
            if known.keys() != self._accounts.keys() or time.monotonic() - self._looked_at > _LOOK_AT_ALL_SECONDS:
                look_for_all_domains(session, accounts, default)
                self._looked_at = time.monotonic()
            else:
                look_for_new_domains(session, accounts, datetime.now(UTC) - _RECENTLY)
        self._accounts = known

    def ask_next(self) -> bool:
        """Ask an account about one domain whose time has come; False when there is none. No transaction is open while
        it is asked."""
        if not self._accounts:
            return False
        with self._database.transaction(None) as session:
            taken = take_registration(session, list(self._accounts))
            if taken is None:
                return False
            account, domain, is_shared = self._accounts[taken.provider], None, False
            if taken.state == Registration.LEAVING:
                is_shared = hand_on(session, taken)
            elif is_verified_elsewhere(session, taken):
                record_registration(session, taken, _kept(taken, Registration.FAILED, _TAKEN))
                return True
            elif (domain := session.get(EmailDomain, taken.email_domain_id)) is not None:
                domain = with_key(session, domain, self._settings)
        if taken.state == Registration.LEAVING:
            self._remove(account, taken, is_shared=is_shared)
        elif domain is not None:  # else `look` will find out that it is gone
            self._register(account, taken, domain)
        return True

    def _register(self, account: Account, taken: DomainRegistration, domain: EmailDomain) -> None:
        rest = None
        try:
            told = _asked(self._registrar(account), taken, self._to_register(domain, taken))
        except ByHand as error:
            told = _kept(taken, Registration.BY_HAND, str(error))
        except DomainRefused as error:
            told = _kept(taken, Registration.FAILED, str(error))
        except (RegistrarAway, SetupError) as error:
            log.warning("Domain %s could not be registered with %s: %s", taken.domain, account.provider, error)
            told, rest = replace(_kept(taken, Registration(taken.state), str(error)), is_of_account=True), _REST
        with self._database.transaction(None) as session:
            record_registration(session, taken, told)
            if rest is not None:
                rest_account(session, account.provider, rest)

    def _remove(self, account: Account, taken: DomainRegistration, *, is_shared: bool) -> None:
        """What somebody else added stays there, as does what another organization sends from."""
        is_ours = taken.is_ours and not is_shared
        problem = None
        try:
            if is_ours:
                self._registrar(account).remove(_leaving(taken))
        except (ByHand, DomainRefused, RegistrarAway, SetupError) as error:
            log.warning("Domain %s could not be taken out of %s: %s", taken.domain, account.provider, error)
            problem = str(error)
        with self._database.transaction(None) as session:
            if problem is None or taken.tries >= LEAVING_TRIES:
                end_registration(session, taken, was_removed=is_ours and problem is None)
            else:
                record_registration(session, taken, _kept(taken, Registration.LEAVING, problem))

    def _registrar(self, account: Account) -> DomainRegistrar:
        return registrar_of(account.vendor, open_url(self._settings, account))

    def _to_register(self, domain: EmailDomain, taken: DomainRegistration) -> DomainToRegister:
        assert domain.dkim_private_key is not None
        return DomainToRegister(
            name=domain.domain,
            zone=zone_of(domain.domain),
            region=domain.region,
            selector=domain.dkim_selector,
            private_key=decrypt(self._settings, domain.dkim_private_key),
            is_verified=domain.status == "verified",
            reference=taken.reference,
        )


def _asked(registrar: DomainRegistrar, taken: DomainRegistration, domain: DomainToRegister) -> Told:
    """Have the vendor have the domain, and look for its records. A domain that it has already is as good as added."""
    found, is_ours = registrar.find(domain), taken.is_ours
    if found is None:
        found, is_ours = registrar.add(domain), True
    elif not found.is_verified:
        try:
            found = registrar.verify(domain, found)
        except DomainRefused as error:
            return _told(found, is_ours, str(error))
    return _told(found, is_ours, None)


def _told(found: RegisteredDomain, is_ours: bool, problem: str | None) -> Told:
    state = Registration.VERIFIED if found.is_verified else Registration.REGISTERED
    return Told(state, is_ours, found.reference, found.records, problem)


def _kept(taken: DomainRegistration, state: Registration, problem: str) -> Told:
    """What was known before, and what is wrong now."""
    return Told(state, taken.is_ours, taken.reference, records_in(taken), problem)


def _leaving(taken: DomainRegistration) -> DomainToRegister:
    return DomainToRegister(taken.domain, zone_of(taken.domain), "eu", "", b"", reference=taken.reference)
