"""Which provider sends what.

A vendor with an HTTP API is one module of `tasks/providers/vendors/`, named as the scheme of its URL: there is no list
of them. It has CHANNEL, CAPABILITIES, and `open_provider(account)`.
"""

import pkgutil
from dataclasses import replace
from importlib import import_module
from typing import Protocol, cast

from models.errors import SetupError
from models.settings import Settings
from tasks.providers import vendors
from tasks.providers.account import ProviderAccount, parse_account, scheme_of
from tasks.providers.base import Capabilities, Provider
from tasks.providers.sandbox import SandboxProvider
from tasks.providers.smpp import SmppProvider
from tasks.providers.smpp_url import SCHEMES as SMPP_SCHEMES
from tasks.providers.smtp import SmtpProvider


class _VendorModule(Protocol):
    CHANNEL: str
    CAPABILITIES: Capabilities

    def open_provider(self, account: ProviderAccount) -> Provider: ...


def open_provider(settings: Settings, channel: str) -> Provider:
    """The provider for `channel` ("email" or "sms"): the vendor of EXOSEND_EMAIL_URL or EXOSEND_SMS_URL (which may
    be an SMSC), SMTP for email where EXOSEND_SMTP_URL is set, else the sandbox.

    It connects when it first sends. Raises SetupError for a URL that cannot be used.
    """
    setting, url = _address(settings, channel)
    if url is not None:
        if _is_smpp(url, channel):
            return SmppProvider.from_url(setting, url)
        module = _vendor(setting, url, channel)
        account = parse_account(setting, url)
        return module.open_provider(replace(account, callback_url=_callback_url(settings, account.vendor)))
    if channel == "email" and settings.smtp_url:
        return SmtpProvider.from_url(settings.smtp_url)
    return SandboxProvider()


def takes_keys(settings: Settings, channel: str) -> bool:
    """Whether the provider for `channel` knows a message that it is given twice. Asks for no credentials: the API has
    none. Raises SetupError."""
    setting, url = _address(settings, channel)
    if url is not None:
        if _is_smpp(url, channel):
            return False  # SMPP has no keys
        return _vendor(setting, url, channel).CAPABILITIES.idempotent
    return open_provider(settings, channel).capabilities.idempotent


def _callback_url(settings: Settings, vendor: str) -> str | None:
    """Where callbacks for the account of a setting come in."""
    return f"{settings.api_url}/webhooks/{vendor}/default" if settings.public_url else None


def _address(settings: Settings, channel: str) -> tuple[str, str | None]:
    """The setting that names the vendor, and what it says."""
    if channel == "email":
        if settings.email_url and settings.smtp_url:
            raise SetupError("EXOSEND_EMAIL_URL and EXOSEND_SMTP_URL are both set: email goes by one of them.")
        return "EXOSEND_EMAIL_URL", settings.email_url or None
    if channel == "sms":
        return "EXOSEND_SMS_URL", settings.sms_url or None
    raise SetupError(f"There is no provider for the channel {channel!r}: channels are email and sms.")


def _is_smpp(url: str, channel: str) -> bool:
    return channel == "sms" and scheme_of(url) in SMPP_SCHEMES


def _vendor(setting: str, url: str, channel: str) -> _VendorModule:
    names = sorted(module.name for module in pkgutil.iter_modules(vendors.__path__))
    modules = {name: cast(_VendorModule, import_module(f"{vendors.__name__}.{name}")) for name in names}
    there = [name for name, module in modules.items() if channel == module.CHANNEL]
    if (name := scheme_of(url)) not in there:
        named = [*there, *(SMPP_SCHEMES if channel == "sms" else ())]
        raise SetupError(
            f"{setting}: it must begin with the name of a provider: {', '.join(f'{n}://' for n in named)}."
        )
    return modules[name]
