"""Which provider sends what.

A vendor with an HTTP API is one module of `tasks/providers/vendors/`, named as the scheme of its URL: there is no list
of them. It has CHANNEL, CAPABILITIES, and `open_provider(account)`.
"""

import pkgutil
from dataclasses import replace
from importlib import import_module
from typing import Protocol, cast

from models.errors import SetupError
from models.rules.provider_names import DEFAULT_ACCOUNT
from models.rules.routing import LAST_PRIORITY
from models.settings import Settings
from models.store.provider_accounts import Account, open_url
from tasks.providers import vendors
from tasks.providers.account import ProviderAccount, parse_account, scheme_of
from tasks.providers.base import Capabilities, Provider
from tasks.providers.return_paths import return_paths_of
from tasks.providers.sandbox import SandboxProvider
from tasks.providers.signing import SigningProvider
from tasks.providers.smpp import SmppProvider
from tasks.providers.smpp_url import SCHEMES as SMPP_SCHEMES
from tasks.providers.smtp import SmtpProvider
from tasks.providers.smtp_url import SCHEMES as SMTP_SCHEMES
from tasks.providers.smtp_url import parse_smtp_url

SMTP, SMPP = "smtp", "smpp"
"""The vendors of accounts that are a mail server, or an SMSC."""

_EMAIL = "EXOSEND_EMAIL_URL"  # which is for vendors with an API: a mail server has a setting of its own


class _VendorModule(Protocol):
    CHANNEL: str
    CAPABILITIES: Capabilities

    def open_provider(self, account: ProviderAccount) -> Provider: ...


def open_provider(settings: Settings, channel: str) -> Provider:
    """The provider for `channel` ("email" or "sms") that the environment says: the vendor of EXOSEND_EMAIL_URL or
    EXOSEND_SMS_URL (which may be an SMSC), SMTP for email where EXOSEND_SMTP_URL is set, else the sandbox.

    It connects when it first sends. Raises SetupError for a URL that cannot be used.
    """
    setting, url = _address(settings, channel)
    return SandboxProvider() if url is None else _opened(settings, setting, channel, url, DEFAULT_ACCOUNT)


def default_account(settings: Settings, channel: str) -> Account | None:
    """The account that the environment configures for a channel, the platform's last one; None where there is none.

    Asks for no credentials. Raises SetupError for a URL that names no provider.
    """
    setting, url = _address(settings, channel)
    if url is None:
        return None
    vendor = _vendor_named(setting, channel, url)
    rate = settings.email_rate_per_minute if channel == "email" else settings.sms_rate_per_minute
    return Account(None, None, channel, vendor, DEFAULT_ACCOUNT, url.encode(), LAST_PRIORITY, rate_per_minute=rate)


def provider_of(settings: Settings, account: Account) -> Provider:
    """The provider for an account of the database; its name is the account's. It connects when it first sends. Raises
    SetupError."""
    url = open_url(settings, account)
    provider = _opened(settings, f"The URL of the account {account.name}", account.channel, url, str(account.id))
    provider.name = account.provider
    return provider


def vendor_of_url(settings: Settings, channel: str, url: str) -> str:
    """The vendor that a new account's URL names. Raises SetupError where nothing could be sent by it."""
    _opened(settings, "The URL", channel, url, DEFAULT_ACCOUNT)
    return _vendor_named("The URL", channel, url)


def is_idempotent(channel: str, vendor: str) -> bool:
    """Whether a vendor knows a message that it is given twice. Asks for no credentials."""
    module = _vendors(channel).get(vendor)
    return module is not None and module.CAPABILITIES.idempotent


def takes_keys(settings: Settings, channel: str) -> bool:
    """Whether the provider for `channel` knows a message that it is given twice. Asks for no credentials: the API has
    none. Raises SetupError."""
    setting, url = _address(settings, channel)
    return url is None or is_idempotent(channel, _vendor_named(setting, channel, url))


def _opened(settings: Settings, setting: str, channel: str, url: str, account: str) -> Provider:
    """`account`: what the addresses of its callbacks call it."""
    vendor = _vendor_named(setting, channel, url)
    if vendor == SMTP:
        return_path = return_paths_of(settings).address_of if settings.bounce_address else None
        address = parse_smtp_url(url, setting)
        provider = SmtpProvider(address, return_path=return_path)
        return SigningProvider(provider) if address.dkim else provider
    if vendor == SMPP:
        return SmppProvider.from_url(setting, url)
    callback_url = f"{settings.api_url}/webhooks/{vendor}/{account}" if settings.public_url else None
    return _vendors(channel)[vendor].open_provider(replace(parse_account(setting, url), callback_url=callback_url))


def _address(settings: Settings, channel: str) -> tuple[str, str | None]:
    """The setting that names the vendor, and what it says."""
    if channel == "email":
        if settings.email_url and settings.smtp_url:
            raise SetupError("EXOSEND_EMAIL_URL and EXOSEND_SMTP_URL are both set: email goes by one of them.")
        if settings.smtp_url:
            return "EXOSEND_SMTP_URL", settings.smtp_url
        return _EMAIL, settings.email_url or None
    if channel == "sms":
        return "EXOSEND_SMS_URL", settings.sms_url or None
    raise SetupError(f"There is no provider for the channel {channel!r}: channels are email and sms.")


def _vendor_named(setting: str, channel: str, url: str) -> str:
    """The vendor that a URL names; the setting EXOSEND_SMTP_URL is read as a mail server's whatever it begins with."""
    scheme = scheme_of(url)
    if setting == "EXOSEND_SMTP_URL" or (channel == "email" and scheme in SMTP_SCHEMES and setting != _EMAIL):
        return SMTP
    if channel == "sms" and scheme in SMPP_SCHEMES:
        return SMPP
    there = _vendors(channel)
    if scheme not in there:
        others = SMPP_SCHEMES if channel == "sms" else SMTP_SCHEMES if setting != _EMAIL else ()
        named = ", ".join(f"{name}://" for name in (*there, *others))
        raise SetupError(f"{setting}: it must begin with the name of a provider: {named}.")
    return scheme


def _vendors(channel: str) -> dict[str, _VendorModule]:
    names = sorted(module.name for module in pkgutil.iter_modules(vendors.__path__))
    modules = {name: cast(_VendorModule, import_module(f"{vendors.__name__}.{name}")) for name in names}
    return {name: module for name, module in modules.items() if channel == module.CHANNEL}
