"""Domains with vendors, by their APIs on loopback: each vendor does the same."""

import base64
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from deployments.http_sink import ACCOUNTS
from deployments.http_sink_postmark import ACCOUNT_TOKEN
from models.rules.dns_records import ProviderRecord
from tasks.providers.registrar import (
    ByHand,
    DomainRefused,
    DomainToRegister,
    RegisteredDomain,
    RegistrarAway,
    registrar_of,
)
from tests.support.http_api import RunningApi, address, running_api

VENDORS = ("mailgun", "postmark", "resend", "sendgrid", "ses")
NAME = "news.acme.com"
KEY = rsa.generate_private_key(public_exponent=65537, key_size=1024)  # quick to make
DOMAIN = DomainToRegister(
    NAME, "acme.com", "eu", "exosend", KEY.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
)
_DKIM = "k=rsa; p=MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQ"
RECORDS = {
    "mailgun": (
        ProviderRecord("TXT", NAME, "v=spf1 include:mailgun.org ~all"),
        ProviderRecord("TXT", f"smtp._domainkey.{NAME}", _DKIM),
    ),
    "postmark": (ProviderRecord("TXT", f"20131031155228pm._domainkey.{NAME}", _DKIM),),
    "resend": (
        ProviderRecord("MX", "send.news.acme.com", "feedback-smtp.eu-west-1.amazonses.com", 10),
        ProviderRecord("TXT", "send.news.acme.com", "v=spf1 include:amazonses.com ~all"),
        ProviderRecord("TXT", "resend._domainkey.news.acme.com", _DKIM),
    ),
    "sendgrid": (
        ProviderRecord("CNAME", f"em302.{NAME}", "u1446226.wl.sendgrid.net"),
        ProviderRecord("CNAME", f"s1._domainkey.{NAME}", "s1.domainkey.u1446226.wl.sendgrid.net"),
        ProviderRecord("CNAME", f"s2._domainkey.{NAME}", "s2.domainkey.u1446226.wl.sendgrid.net"),
    ),
    "ses": (),
}


@pytest.fixture(scope="module", params=VENDORS)
def running(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningApi]:
    account = f"{ACCOUNT_TOKEN}:server-token" if request.param == "postmark" else None
    with running_api(request.param, tmp_path_factory.mktemp("sink") / "log", account) as started:
        yield started


@pytest.fixture
def api(running: RunningApi) -> RunningApi:
    for told in (running.api.domains.known, running.api.domains.proved, running.api.domains.refused):
        told.clear()
    return running


def test_a_domain_is_added_proved_found_again_and_taken_out(api: RunningApi) -> None:
    registrar = registrar_of(api.vendor, api.url)
    for other in ("a.com", "b.com", f"{NAME}.org"):  # more than a page of the API's
        registrar.add(_named(other))
    assert registrar.find(DOMAIN) is None
    added = registrar.add(DOMAIN)
    assert (added.is_verified, added.records) == (False, RECORDS[api.vendor])
    known = _named(NAME, added.reference)
    for each in (DOMAIN, known):
        assert registrar.find(each) == added
    assert not registrar.verify(known, added).is_verified
    api.api.domains.proved.add(NAME)
    registrar.verify(known, added)
    found = registrar.find(known)
    assert found is not None
    assert found.is_verified
    registrar.remove(known)
    registrar.remove(known)  # is not there, and that is no error
    registrar.remove(DOMAIN)
    assert registrar.find(known) is None
    assert len(api.api.domains.known) == 3


def test_what_a_vendor_refuses_is_said_in_its_words(api: RunningApi) -> None:
    api.api.domains.refused[NAME] = "This name belongs to somebody else"
    with pytest.raises(DomainRefused, match="This name belongs to somebody else"):
        registrar_of(api.vendor, api.url).add(DOMAIN)


def test_a_refused_key_says_nothing_of_the_domain_and_is_not_shown(api: RunningApi) -> None:
    url = api.url.replace(ACCOUNTS["ses"], "AKIAOTHER:k3y-k3y").replace(f"{ACCOUNT_TOKEN}:", "t0ken:")
    user, secret = ACCOUNTS[api.vendor].split(":")
    url = url.replace(f"{user}:{secret}", f"{user}:k3y-k3y")
    with pytest.raises(RegistrarAway) as caught:
        registrar_of(api.vendor, url).find(DOMAIN)
    assert "answers 40" in str(caught.value)
    assert "k3y-k3y" not in str(caught.value)


def _named(name: str, reference: str | None = None) -> DomainToRegister:
    return DomainToRegister(name, "acme.com", "eu", "exosend", DOMAIN.private_key, reference=reference)


def test_a_vendor_that_is_away_says_nothing_of_the_domain() -> None:
    with pytest.raises(RegistrarAway, match="does not answer"):
        registrar_of("mailgun", address("mailgun", 1)).find(DOMAIN)


def test_some_accounts_are_for_people_to_look_after(tmp_path: Path) -> None:
    for vendor, url, words in (
        ("smtp", "smtp://mail.example.com", "mail server"),
        ("postmark", address("postmark", 1), "account's token"),
        ("mailgun", address("mailgun", 1, path="/mg.acme.com"), "mg.acme.com"),
    ):
        with pytest.raises(ByHand, match=words):
            registrar_of(vendor, url)


def test_ses_signs_with_our_key_in_the_form_that_it_understands(tmp_path: Path) -> None:
    with running_api("ses", tmp_path / "log") as api:
        registrar = registrar_of("ses", api.url)
        found = registrar.add(DOMAIN)
        plain = KEY.private_bytes(Encoding.DER, PrivateFormat.TraditionalOpenSSL, NoEncryption())
        wanted = {
            "DomainSigningSelector": "exosend",
            "DomainSigningPrivateKey": base64.b64encode(plain).decode(),
        }
        keys = api.api.domains.known[NAME]
        assert keys == {"keys": wanted}
        # Another's key is left until DNS holds ours, and what signs by Easy DKIM always is.
        keys["keys"] = another = {"DomainSigningSelector": "exosend", "DomainSigningPrivateKey": "b3RoZXI="}
        registrar.verify(DOMAIN, found)
        assert keys == {"keys": another}
        proved = DomainToRegister(NAME, "acme.com", "eu", "exosend", DOMAIN.private_key, is_verified=True)
        registrar.verify(proved, found)
        assert keys == {"keys": wanted}
        keys["keys"] = {}
        easy = registrar.find(proved)
        token = "vvjuipp74whm76gqoni7qmwwn4w4qusj"  # a name in DNS
        record = ProviderRecord("CNAME", f"{token}._domainkey.{NAME}", f"{token}.dkim.amazonses.com")
        assert easy == RegisteredDomain(None, False, (record,))
        registrar.verify(proved, easy)
        assert keys == {"keys": {}}
