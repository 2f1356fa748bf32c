"""Domains with Amazon SES: identities that sign with the key that is ours (BYODKIM), so that DNS needs nothing more.

An identity that somebody made before keeps the keys that it has, and its records are shown.

Where its words are from, as read in November 2026:
- CreateEmailIdentity, GetEmailIdentity, DeleteEmailIdentity and PutEmailIdentityDkimSigningAttributes:
  https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_Operations.html
- the key: https://docs.aws.amazon.com/ses/latest/dg/send-email-authentication-dkim-bring-your-own.html. It has to be
  PKCS #1: one of PKCS #8 is taken without a word, and never verified
  (https://github.com/awsdocs/amazon-ses-developer-guide/issues/71)
"""

import base64
from collections.abc import Mapping
from urllib.parse import quote

from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_der_private_key

from models.rules.dns_records import ProviderRecord
from tasks.providers.account import ProviderAccount
from tasks.providers.callback_fields import object_at, text_of
from tasks.providers.registrar import DomainRegistrar, DomainToRegister, RegisteredDomain, VendorApi
from tasks.providers.vendors.ses import Ses

_IDENTITIES = "/v2/email/identities"
_OURS = "EXTERNAL"  # how a key that was brought is called
_ZONE = "dkim.amazonses.com"  # of Easy DKIM's records, where the answer names no other


def open_registrar(account: ProviderAccount) -> DomainRegistrar:
    """The registrar of an account."""
    return SesIdentities(account)


class SesIdentities:
    """See DomainRegistrar. SES knows domains by their names, and looks at DNS by itself for three days."""

    def __init__(self, account: ProviderAccount) -> None:
        self._ses = Ses(account)
        self._api = VendorApi(self._ses)

    def find(self, domain: DomainToRegister) -> RegisteredDomain | None:
        found = self._api.document(self._ses.request("GET", _path(domain)), missing=(404,))
        return None if found is None else _read(domain, found)

    def add(self, domain: DomainToRegister) -> RegisteredDomain:
        document = {"EmailIdentity": domain.name, "DkimSigningAttributes": _signing(domain)}
        return _read(domain, self._api.needed(self._ses.request("POST", _IDENTITIES, document)))

    def verify(self, domain: DomainToRegister, found: RegisteredDomain) -> RegisteredDomain:
        """It is told our key again where DNS holds it: another may have been there when the identity was made, or SES
        may have given up."""
        if domain.is_verified and not found.records:
            document = {"SigningAttributesOrigin": _OURS, "SigningAttributes": _signing(domain)}
            self._api.ask(self._ses.request("PUT", f"{_path(domain)}/dkim/signing", document))
        return found

    def remove(self, domain: DomainToRegister) -> None:
        self._api.ask(self._ses.request("DELETE", _path(domain)), missing=(404,))


def _path(domain: DomainToRegister) -> str:
    return f"{_IDENTITIES}/{quote(domain.name)}"


def _signing(domain: DomainToRegister) -> Mapping[str, str]:
    key = load_der_private_key(domain.private_key, password=None)
    plain = key.private_bytes(Encoding.DER, PrivateFormat.TraditionalOpenSSL, NoEncryption())
    return {
        "DomainSigningSelector": domain.selector,
        "DomainSigningPrivateKey": base64.b64encode(plain).decode("ascii"),
    }


def _read(domain: DomainToRegister, document: Mapping[str, object]) -> RegisteredDomain:
    keys = object_at(document, "DkimAttributes")
    tokens = keys.get("Tokens") if keys.get("SigningAttributesOrigin") != _OURS else None
    zone = text_of(keys.get("SigningHostedZone")) or _ZONE
    records = tuple(
        ProviderRecord("CNAME", f"{token}._domainkey.{domain.name}", f"{token}.{zone}")
        for token in (tokens if isinstance(tokens, list) else ())
        if isinstance(token, str)
    )
    return RegisteredDomain(None, document.get("VerifiedForSendingStatus") is True, records)
