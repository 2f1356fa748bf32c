"""Domains with Resend.

Where its words are from, as read in November 2026:
- https://resend.com/docs/api-reference/domains
- statuses: https://resend.com/docs/dashboard/domains/manage-domains
- asking it to verify makes a domain pending, whatever it was: https://resend.com/docs/api-reference/domains/verify-domain
"""

from collections.abc import Mapping
from urllib.parse import quote

import orjson

from models.rules.dns_records import ProviderRecord
from tasks.providers.account import ProviderAccount
from tasks.providers.api_call import ApiRequest
from tasks.providers.callback_fields import objects_at, text_of
from tasks.providers.registrar import DomainRegistrar, DomainToRegister, RegisteredDomain, VendorApi
from tasks.providers.vendors.resend import Resend

_PAGE = 100
_MOST_PAGES = 20
_REGIONS = {"eu": "eu-west-1", "us": "us-east-1"}
_LOOKING = "pending"
# What its records are for; others are for its own tracking, and for taking in mail.
_WANTED = {"SPF", "DKIM"}


def open_registrar(account: ProviderAccount) -> DomainRegistrar:
    """The registrar of an account."""
    return ResendDomains(account)


class ResendDomains:
    """See DomainRegistrar. Resend knows domains by ids of its own."""

    def __init__(self, account: ProviderAccount) -> None:
        self._api = VendorApi(Resend(account))
        self._statuses: dict[str, str] = {}

    def find(self, domain: DomainToRegister) -> RegisteredDomain | None:
        if (reference := domain.reference or self._listed(domain)) is None:
            return None
        found = self._api.document(ApiRequest("GET", _path(reference)), missing=(404,))
        return None if found is None else self._read(domain, found)

    def add(self, domain: DomainToRegister) -> RegisteredDomain:
        body = orjson.dumps({"name": domain.name, "region": _REGIONS[domain.region]})
        return self._read(domain, self._api.needed(ApiRequest("POST", "/domains", body)))

    def verify(self, domain: DomainToRegister, found: RegisteredDomain) -> RegisteredDomain:
        """What came of it is known when it is looked at again."""
        del domain
        reference = found.reference or ""
        if self._statuses.get(reference) != _LOOKING:
            self._api.ask(ApiRequest("POST", f"{_path(reference)}/verify"))
        return found

    def remove(self, domain: DomainToRegister) -> None:
        if reference := domain.reference or self._listed(domain):
            self._api.ask(ApiRequest("DELETE", _path(reference)), missing=(404,))

    def _listed(self, domain: DomainToRegister) -> str | None:
        after = ""
        for _ in range(_MOST_PAGES):
            said = self._api.needed(ApiRequest("GET", f"/domains?limit={_PAGE}{after}"))
            listed = objects_at(said, "data")
            for each in listed:
                if text_of(each.get("name")).lower() == domain.name:
                    return text_of(each.get("id")) or None
            if said.get("has_more") is not True or not listed:
                break
            after = f"&after={quote(text_of(listed[-1].get('id')), safe='')}"
        return None

    def _read(self, domain: DomainToRegister, document: Mapping[str, object]) -> RegisteredDomain:
        reference, status = text_of(document.get("id")), text_of(document.get("status"))
        self._statuses[reference] = status
        records = [
            ProviderRecord(
                text_of(each.get("type")),
                _whole_name(text_of(each.get("name")), domain.zone),
                text_of(each.get("value")).strip('"'),
                priority if isinstance(priority := each.get("priority"), int) else None,
            )
            for each in objects_at(document, "records")
            if text_of(each.get("record")) in _WANTED
        ]
        known = tuple(each for each in records if each.is_whole)
        return RegisteredDomain(reference or None, status == "verified", known)


def _path(reference: str) -> str:
    return f"/domains/{quote(reference, safe='')}"


def _whole_name(name: str, zone: str) -> str:
    """Names are within the registered domain's zone: `send.news` for news.acme.com."""
    return name if not name or name == zone or name.endswith(f".{zone}") else f"{name}.{zone}"
