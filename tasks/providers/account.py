"""An account at a provider: whose it is, its key, where the provider is. Read from EXOSEND_EMAIL_URL, EXOSEND_SMS_URL.

    vendor://user:secret@host[:port][/path][?connections=32&timeout=30&tls=off]

What user and path are is the vendor's word; host, port and options have the vendor's defaults.
"""

import ipaddress
from dataclasses import dataclass, field
from urllib.parse import unquote

from tasks.providers.http_client import HttpServer
from tasks.providers.provider_url import ProviderUrl, has_control_character

_MOST_CONNECTIONS = 1000
_OPTIONS = {"connections", "timeout", "tls"}
_FORM = "vendor://user:secret@host[:port][/path][?connections=32&timeout=30]"


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
    reader = ProviderUrl(setting, url, _FORM)
    parts, port = reader.parts, reader.port
    if port == 0:
        raise reader.wrong("the port must be from 1 to 65535")
    if not parts.scheme or parts.fragment:
        raise reader.wrong("it must begin with a provider's name and ://, and # in a secret is written %23")
    options = reader.options(_OPTIONS)
    return ProviderAccount(
        vendor=parts.scheme,
        user=_plain(reader, parts.username),
        secret=_plain(reader, parts.password),
        host=parts.hostname,
        port=port,
        path=unquote(parts.path).strip("/"),
        tls=_tls(reader, options.get("tls", "on")),
        connections=int(reader.number("connections", options.get("connections", "32"), 1, _MOST_CONNECTIONS)),
        timeout=reader.number("timeout", options.get("timeout", "30"), 0.1, 3600),
    )


def scheme_of(url: str) -> str:
    """The provider that a URL names."""
    scheme, separator, _ = url.strip().partition("://")
    return scheme.lower() if separator else ""


def _plain(reader: ProviderUrl, text: str | None) -> str:
    if not text:
        raise reader.wrong("it needs a user and a secret")
    plain = unquote(text)
    if has_control_character(plain):
        raise reader.wrong("user or secret holds a control character")
    return plain


def _tls(reader: ProviderUrl, text: str) -> bool:
    tls = reader.switch("tls", text)
    if not tls and not _is_loopback(reader.parts.hostname or ""):
        raise reader.wrong("tls=off is for a server on this machine: a secret is not sent in the clear")
    return tls


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
