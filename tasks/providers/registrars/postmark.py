"""Domains with Postmark, which wants the account's own token for them, and not a server's.

Where its words are from, as read in November 2026: https://postmarkapp.com/developer/api/domains-api
"""

from collections.abc import Mapping
from urllib.parse import quote

import orjson

from models.rules.dns_records import ProviderRecord
from tasks.providers.account import ProviderAccount
from tasks.providers.api_call import ApiRequest
from tasks.providers.callback_fields import objects_at, text_of
from tasks.providers.registrar import ByHand, DomainRegistrar, DomainToRegister, RegisteredDomain, VendorApi
from tasks.providers.vendors.postmark import HOST, SERVER_ALONE, Postmark

_PAGE = 500
_MOST_PAGES = 20
_MISSING = (404, 422)  # 422 with the code 510: this domain was not found


def open_registrar(account: ProviderAccount) -> DomainRegistrar:
    """The registrar of an account. Raises ByHand where its URL has no account token."""
    if account.user == SERVER_ALONE:
        raise ByHand(
            "Postmark wants the account's token for this: postmark://account-token:server-token@…. Without it, add the "
            "domain by hand."
        )
    return PostmarkDomains(account)


class _AccountApi(Postmark):
    """Postmark, with the account's token in the place of the server's."""

    def __init__(self, account: ProviderAccount) -> None:
        super().__init__(account)
        headers = (
            ("X-Postmark-Account-Token", account.user),
            ("Accept", "application/json"),
            ("Content-Type", "application/json"),
        )
        self.server = account.server(HOST, headers)


class PostmarkDomains:
    """See DomainRegistrar. Postmark knows domains by numbers, and proves them by DKIM alone."""

    def __init__(self, account: ProviderAccount) -> None:
        self._api = VendorApi(_AccountApi(account))

    def find(self, domain: DomainToRegister) -> RegisteredDomain | None:
        if (reference := domain.reference or self._listed(domain)) is None:
            return None
        found = self._api.document(ApiRequest("GET", _path(reference)), missing=_MISSING)
        return None if found is None else _read(found)

    def add(self, domain: DomainToRegister) -> RegisteredDomain:
        return _read(self._api.needed(ApiRequest("POST", "/domains", orjson.dumps({"Name": domain.name}))))

    def verify(self, domain: DomainToRegister, found: RegisteredDomain) -> RegisteredDomain:
        del domain
        return _read(self._api.needed(ApiRequest("PUT", f"{_path(found.reference or '')}/verifyDkim")))

    def remove(self, domain: DomainToRegister) -> None:
        if reference := domain.reference or self._listed(domain):
            self._api.ask(ApiRequest("DELETE", _path(reference)), missing=_MISSING)

    def _listed(self, domain: DomainToRegister) -> str | None:
        for page in range(_MOST_PAGES):
            said = self._api.needed(ApiRequest("GET", f"/domains?count={_PAGE}&offset={page * _PAGE}"))
            listed = objects_at(said, "Domains")
            for each in listed:
                if text_of(each.get("Name")).lower() == domain.name:
                    return text_of(each.get("ID")) or None
            if len(listed) < _PAGE:
                break
        return None


def _path(reference: str) -> str:
    return f"/domains/{quote(reference, safe='')}"


def _read(document: Mapping[str, object]) -> RegisteredDomain:
    """A key that waits for its record comes in the pending fields, and afterwards in the others."""
    part = "DKIMPending" if text_of(document.get("DKIMPendingHost")) else "DKIM"
    records = [
        ProviderRecord("TXT", text_of(document.get(f"{part}Host")), text_of(document.get(f"{part}TextValue"))),
        ProviderRecord(
            "CNAME",
            text_of(document.get("ReturnPathDomain")),
            text_of(document.get("ReturnPathDomainCNAMEValue")),
        ),
    ]
    known = tuple(each for each in records if each.is_whole)
    return RegisteredDomain(text_of(document.get("ID")) or None, document.get("DKIMVerified") is True, known)
