"""Domains with SendGrid ("authenticated domains", once "whitelabel").

Where its words are from, as read in November 2026:
https://www.twilio.com/docs/sendgrid/api-reference/domain-authentication
"""

from collections.abc import Mapping
from urllib.parse import quote

import orjson

from models.rules.dns_records import ProviderRecord
from tasks.providers.account import ProviderAccount
from tasks.providers.api_call import ApiRequest
from tasks.providers.callback_fields import object_at, text_of
from tasks.providers.http_provider import json_of
from tasks.providers.registrar import DomainRegistrar, DomainToRegister, RegisteredDomain, VendorApi
from tasks.providers.vendors.sendgrid import SendGrid

_DOMAINS = "/v3/whitelabel/domains"


def open_registrar(account: ProviderAccount) -> DomainRegistrar:
    """The registrar of an account."""
    return SendGridDomains(account)


class SendGridDomains:
    """See DomainRegistrar. SendGrid knows domains by numbers."""

    def __init__(self, account: ProviderAccount) -> None:
        self._api = VendorApi(SendGrid(account))

    def find(self, domain: DomainToRegister) -> RegisteredDomain | None:
        answer = self._api.ask(ApiRequest("GET", f"{_DOMAINS}?domain={quote(domain.name)}&limit=50"))
        listed = json_of(answer) if answer is not None else None
        same = [each for each in listed if _is(each, domain)] if isinstance(listed, list) else []
        # There may be several of one name; one that is valid is as good as it gets.
        return max(map(_read, same), key=lambda found: found.is_verified, default=None)

    def add(self, domain: DomainToRegister) -> RegisteredDomain:
        body = orjson.dumps({"domain": domain.name, "automatic_security": True, "default": False})
        return _read(self._api.needed(ApiRequest("POST", _DOMAINS, body)))

    def verify(self, domain: DomainToRegister, found: RegisteredDomain) -> RegisteredDomain:
        del domain
        said = self._api.needed(ApiRequest("POST", f"{_DOMAINS}/{found.reference}/validate"))
        return RegisteredDomain(found.reference, said.get("valid") is True, found.records)

    def remove(self, domain: DomainToRegister) -> None:
        found = None if domain.reference else self.find(domain)
        if reference := domain.reference or (found.reference if found else None):
            self._api.ask(ApiRequest("DELETE", f"{_DOMAINS}/{quote(reference, safe='')}"), missing=(404,))


def _is(listed: object, domain: DomainToRegister) -> bool:
    return isinstance(listed, dict) and text_of(listed.get("domain")).lower() == domain.name


def _read(document: Mapping[str, object]) -> RegisteredDomain:
    wanted = object_at(document, "dns")
    told = [each for each in wanted.values() if isinstance(each, dict)]
    records = [
        ProviderRecord(
            text_of(each.get("type")).upper(),
            text_of(each.get("host")),
            text_of(each.get("data")),
            10 if text_of(each.get("type")).upper() == "MX" else None,
        )
        for each in told
    ]
    known = tuple(each for each in records if each.is_whole)
    return RegisteredDomain(text_of(document.get("id")) or None, document.get("valid") is True, known)
