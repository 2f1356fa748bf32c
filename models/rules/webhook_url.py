"""The address of a webhook endpoint: what may stand in it. Where it leads is looked at when it is called."""

import re
from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import urlsplit

import idna

from models.rules.public_addresses import is_loopback

LONGEST = 2000
_FIRST_FREE_PORT = 1024  # below it are services that speak something else, and 443
_HOST = re.compile(r"[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*")
_PRINTABLE = re.compile(r"[\x21-\x7e]+")
_BLANK = re.compile(r"[\x00-\x20\x7f]")  # urlsplit leaves some of them out in silence


@dataclass(frozen=True, slots=True)
class WebhookAddress:
    """Where to connect (`host` in ASCII, without brackets) and what to ask for there."""

    tls: bool
    host: str
    port: int
    target: str

    @property
    def authority(self) -> str:
        """The Host header (RFC 9112, section 3.2)."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == (443 if self.tls else 80) else f"{host}:{self.port}"


def parse_webhook_url(url: str, *, loopback: bool = False) -> WebhookAddress:
    """The parts of an endpoint's address. Raises ValueError, with what is wrong, for one that cannot be used.

    https only, to port 443 or one from 1024 on, without user, password or fragment. `loopback`: also http, and any
    port, but only to this machine; for development.
    """
    if len(url) > LONGEST:
        raise ValueError(f"must not be longer than {LONGEST:,} characters")
    try:
        parts = urlsplit(url)
        port, host = parts.port, _ascii(parts.hostname or "", is_bracketed="[" in parts.netloc)
    except (ValueError, idna.IDNAError):
        raise ValueError("must be a valid URL") from None
    if not host or _BLANK.search(url) or not _PRINTABLE.fullmatch(f"{parts.path or '/'}?{parts.query}"):
        raise ValueError("must be a valid URL")
    is_own = loopback and _is_own(host)
    if parts.scheme != "https" and not (parts.scheme == "http" and is_own):
        raise ValueError("must begin with https://")
    if parts.username is not None or parts.password is not None or parts.fragment:
        raise ValueError("must not have a user, a password or a fragment")
    tls = parts.scheme == "https"
    port = port if port is not None else (443 if tls else 80)
    if port != 443 and port < _FIRST_FREE_PORT and not is_own:
        raise ValueError("must have port 443, or one from 1024 on")
    return WebhookAddress(tls, host, port, (parts.path or "/") + (f"?{parts.query}" if parts.query else ""))


def _ascii(host: str, *, is_bracketed: bool) -> str:
    """The host as it goes on the wire. Raises ValueError (IDNAError is one) for what is neither name nor address."""
    if is_bracketed:
        return str(ip_address(host))  # without a zone: that is a matter of this machine
    name = host.rstrip(".").lower()
    if not name.isascii():
        name = idna.encode(name, uts46=True).decode()
    if len(name) > 253 or not _HOST.fullmatch(name):
        raise ValueError(host)
    return name


def _is_own(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return is_loopback(host)
    except ValueError:
        return False
