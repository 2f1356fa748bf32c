"""Domains with Mailgun.

Where its words are from, as read in November 2026:
https://documentation.mailgun.com/docs/mailgun/api-reference/openapi-final/tag/Domains
"""

from collections.abc import Mapping
from urllib.parse import quote, urlencode

from models.rules.dns_records import ProviderRecord
from tasks.providers.account import ProviderAccount
from tasks.providers.api_call import ApiRequest
from tasks.providers.callback_fields import object_at, objects_at, text_of
from tasks.providers.registrar import ByHand, DomainRegistrar, DomainToRegister, RegisteredDomain, VendorApi
from tasks.providers.vendors.mailgun import Mailgun

_FORM = (("Content-Type", "application/x-www-form-urlencoded"),)


def open_registrar(account: ProviderAccount) -> DomainRegistrar:
    """The registrar of an account. Raises ByHand where all mail goes by one Mailgun domain."""
    if account.path:
        raise ByHand(f"Mail goes by the account's own Mailgun domain, {account.path}: no other has to be added.")
    return MailgunDomains(account)


class MailgunDomains:
    """See DomainRegistrar. Mailgun knows domains by their names."""

    def __init__(self, account: ProviderAccount) -> None:
        self._api = VendorApi(Mailgun(account))

    def find(self, domain: DomainToRegister) -> RegisteredDomain | None:
        found = self._api.document(ApiRequest("GET", f"/v4/domains/{quote(domain.name)}"), missing=(404,))
        return None if found is None else _read(found)

    def add(self, domain: DomainToRegister) -> RegisteredDomain:
        body = urlencode({"name": domain.name, "dkim_key_size": "2048"}).encode()
        return _read(self._api.needed(ApiRequest("POST", "/v4/domains", body, _FORM)))

    def verify(self, domain: DomainToRegister, found: RegisteredDomain) -> RegisteredDomain:
        del found
        return _read(self._api.needed(ApiRequest("PUT", f"/v4/domains/{quote(domain.name)}/verify")))

    def remove(self, domain: DomainToRegister) -> None:
        self._api.ask(ApiRequest("DELETE", f"/v3/domains/{quote(domain.name)}"), missing=(404,))


def _read(document: Mapping[str, object]) -> RegisteredDomain:
    """MX records, by which it would take in mail, are of no interest, nor is the host of its own tracking."""
    told = object_at(document, "domain")
    name, prefix = text_of(told.get("name")), text_of(told.get("web_prefix"))
    records = [
        ProviderRecord(text_of(each.get("record_type")), text_of(each.get("name")), text_of(each.get("value")))
        for each in objects_at(document, "sending_dns_records")
        if text_of(each.get("name")) != f"{prefix}.{name}"
    ]
    return RegisteredDomain(None, told.get("state") == "active", tuple(each for each in records if each.is_whole))
