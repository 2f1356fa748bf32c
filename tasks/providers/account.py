"""An account at a provider: whose it is, its key, where the provider is. Read from EXOSEND_EMAIL_URL, EXOSEND_SMS_URL.

    vendor://user:secret@host[:port][/path][?connections=32&timeout=30&tls=off]

What user and path are is the vendor's word; host, port and options have the vendor's defaults.
"""

import ipaddress
from dataclasses import dataclass, field
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from models.errors import SetupError
from tasks.providers.http_client import HttpServer

_MOST_CONNECTIONS = 1000
_OPTIONS = {"connections", "timeout", "tls"}


@dataclass(frozen=True, slots=True)
class ProviderAccount:
    """One account. Its repr shows no secret. `path` has no slash at either end. `timeout` is in seconds.

    `callback_url`: where its callbacks come in, for a vendor that is told with each message. None where ExoSend has no
    address that others can reach (EXOSEND_PUBLIC_URL); then callbacks come only where the vendor's own console says so.
    """

    vendor: str
    user: str = field(repr=False)  # Postmark's is a token
    secret: str = field(repr=False)
    host: str | None = None
    port: int | None = None
    path: str = ""
    tls: bool = True
    connections: int = 32
    timeout: float = 30.0
    callback_url: str | None = None

    def server(self, default_host: str, headers: tuple[tuple[str, str], ...]) -> HttpServer:
        """Where its requests go."""
        port = self.port or (443 if self.tls else 80)
        return HttpServer(self.host or default_host, port, self.tls, headers, self.connections, self.timeout)


def parse_account(setting: str, url: str) -> ProviderAccount:
    """Read the value of `setting`, an environment variable.

    Raises SetupError, which names the setting and what is wrong, and never shows the URL itself: it holds a secret.
    """
    try:
        parts = urlsplit(url.strip())
        port = parts.port
    except ValueError:
        # urlsplit's own text quotes what it could not read, which with an unescaped "/" is part of the secret.
        raise _wrong(setting, "the port is not a number from 1 to 65535, or the host is malformed") from None
    if port == 0:
        raise _wrong(setting, "the port must be from 1 to 65535")
    if not parts.scheme or parts.fragment:
        raise _wrong(setting, "it must begin with a provider's name and ://, and # in a secret is written %23")
    options = _options(setting, parts.query)
    return ProviderAccount(
        vendor=parts.scheme,
        user=_plain(setting, parts.username),
        secret=_plain(setting, parts.password),
        host=parts.hostname,
        port=port,
        path=unquote(parts.path).strip("/"),
        tls=_tls(setting, parts, options.get("tls", "on")),
        connections=int(_number(setting, "connections", options.get("connections", "32"), 1, _MOST_CONNECTIONS)),
        timeout=_number(setting, "timeout", options.get("timeout", "30"), 0.1, 3600),
    )


def scheme_of(url: str) -> str:
    """The provider that a URL names."""
    scheme, separator, _ = url.strip().partition("://")
    return scheme.lower() if separator else ""


def _wrong(setting: str, what: str) -> SetupError:
    form = "vendor://user:secret@host[:port][/path][?connections=32&timeout=30]"
    return SetupError(f"{setting}: {what}. It looks like {form}.")


def _plain(setting: str, text: str | None) -> str:
    if not text:
        raise _wrong(setting, "it needs a user and a secret")
    plain = unquote(text)
    if any(ord(char) < 32 or ord(char) == 127 for char in plain):
        raise _wrong(setting, "user or secret holds a control character")
    return plain


def _options(setting: str, query: str) -> dict[str, str]:
    try:
        options = dict(parse_qsl(query, keep_blank_values=True, strict_parsing=bool(query)))
    except ValueError:
        raise _wrong(setting, "the options after ? are not name=value pairs joined by &") from None
    if unknown := sorted(set(options) - _OPTIONS):
        raise _wrong(setting, f"unknown option {unknown[0]!r}; there are {', '.join(sorted(_OPTIONS))}")
    return options


def _tls(setting: str, parts: SplitResult, text: str) -> bool:
    if text not in {"on", "off"}:
        raise _wrong(setting, "tls must be on or off")
    if text == "off" and not _is_loopback(parts.hostname or ""):
        raise _wrong(setting, "tls=off is for a server on this machine: a secret is not sent in the clear")
    return text == "on"


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _number(setting: str, name: str, text: str, least: float, most: float) -> float:
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not least <= value <= most:
        raise _wrong(setting, f"{name} must be a number from {least:g} to {most:g}")
    return value
