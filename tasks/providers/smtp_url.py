"""Reads a mail server's address: EXOSEND_SMTP_URL, or the URL of an account."""

from dataclasses import dataclass, field
from enum import StrEnum
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from models.errors import SetupError

SCHEMES = ("smtp", "smtps")
_PLAIN_PORT = 25
_TLS_PORT = 465  # RFC 8314 section 3.3: submission with TLS from the first byte
_MOST_CONNECTIONS = 100
_OPTIONS = {"connections", "dkim", "starttls", "timeout"}
_FORM = "smtp://[user:password@]host[:port][?connections=8&starttls=auto|require|off&timeout=30&dkim=on|off]"


class StartTls(StrEnum):
    """What becomes of a connection that begins in the clear."""

    AUTO = "auto"  # encrypted where the server offers it
    REQUIRE = "require"  # encrypted, with a certificate that proves the name, or not used at all
    OFF = "off"  # never encrypted


@dataclass(frozen=True, slots=True)
class SmtpAddress:
    """Where the mail server is and how to speak to it. `timeout` is in seconds. `dkim`: whether we sign
    what goes there, since it does not. Its repr shows no password."""

    host: str
    port: int
    tls: bool = False
    starttls: StartTls = StartTls.AUTO
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    connections: int = 8
    timeout: float = 30.0
    dkim: bool = False


def parse_smtp_url(url: str, setting: str = "EXOSEND_SMTP_URL") -> SmtpAddress:
    """Read `smtp://…` (port 25 unless given) or `smtps://…` (465), the value of `setting`; user and password are
    percent-decoded.

    Raises SetupError, which names the setting and what is wrong, and never shows the URL itself: it may
    hold a password.
    """
    try:
        parts = urlsplit(url.strip())
        port = parts.port
    except ValueError:
        # urlsplit's own text quotes what it could not read, which with an unescaped "/" is part of the password.
        raise _wrong(setting, "the port is not a number from 1 to 65535, or the host is malformed") from None
    if parts.scheme not in SCHEMES:
        raise _wrong(setting, "it must begin with smtp:// or smtps://")
    if not parts.hostname or port == 0:
        raise _wrong(setting, "it names no host" if port != 0 else "the port must be from 1 to 65535")
    if parts.path not in {"", "/"} or parts.fragment:
        raise _wrong(
            setting, "nothing may stand between the port and the options; write / # ? in a password as %2F %23 %3F"
        )
    tls = parts.scheme == "smtps"
    username, password = _credentials(setting, parts)
    options = _options(setting, parts.query)
    if tls and "starttls" in options:
        raise _wrong(setting, "starttls does not go with smtps://, which is encrypted from the start")
    return SmtpAddress(
        host=parts.hostname,
        port=port or (_TLS_PORT if tls else _PLAIN_PORT),
        tls=tls,
        starttls=_starttls(setting, options.get("starttls", "auto")),
        username=username,
        password=password,
        connections=int(
            _number(setting, "connections", options.get("connections", "8"), 1, _MOST_CONNECTIONS, whole=True)
        ),
        timeout=_number(setting, "timeout", options.get("timeout", "30"), 0.1, 3600),
        dkim=_switch(setting, "dkim", options.get("dkim", "off")),
    )


def _wrong(setting: str, what: str) -> SetupError:
    return SetupError(f"{setting}: {what}. It looks like {_FORM}.")


def _credentials(setting: str, parts: SplitResult) -> tuple[str | None, str | None]:
    if not parts.username:
        if parts.password:
            raise _wrong(setting, "there is a password but no user")
        return None, None
    if parts.password is None:
        raise _wrong(setting, "there is a user but no password")
    username, password = unquote(parts.username), unquote(parts.password)
    if any(ord(char) < 32 or ord(char) == 127 for char in username + password):
        raise _wrong(setting, "user or password holds a control character")
    return username, password


def _options(setting: str, query: str) -> dict[str, str]:
    try:
        options = dict(parse_qsl(query, keep_blank_values=True, strict_parsing=bool(query)))
    except ValueError:
        raise _wrong(setting, "the options after ? are not name=value pairs joined by &") from None
    if unknown := sorted(set(options) - _OPTIONS):
        raise _wrong(setting, f"unknown option {unknown[0]!r}; there are {', '.join(sorted(_OPTIONS))}")
    return options


def _switch(setting: str, name: str, text: str) -> bool:
    if text not in {"on", "off"}:
        raise _wrong(setting, f"{name} must be on or off")
    return text == "on"


def _starttls(setting: str, text: str) -> StartTls:
    try:
        return StartTls(text)
    except ValueError:
        raise _wrong(setting, "starttls must be auto, require or off") from None


def _number(setting: str, name: str, text: str, least: float, most: float, *, whole: bool = False) -> float:
    try:
        value = float(int(text)) if whole else float(text)
    except ValueError:
        value = float("nan")
    if not least <= value <= most:
        raise _wrong(setting, f"{name} must be a {'whole ' if whole else ''}number from {least:g} to {most:g}")
    return value
