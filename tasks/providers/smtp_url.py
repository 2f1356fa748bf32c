"""Reads a mail server's address: EXOSEND_SMTP_URL, or the URL of an account."""

from dataclasses import dataclass, field
from enum import StrEnum
from urllib.parse import unquote

from tasks.providers.provider_url import ProviderUrl, has_control_character

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
    reader = ProviderUrl(setting, url, _FORM)
    parts, port = reader.parts, reader.port
    if parts.scheme not in SCHEMES:
        raise reader.wrong("it must begin with smtp:// or smtps://")
    if not parts.hostname or port == 0:
        raise reader.wrong("it names no host" if port != 0 else "the port must be from 1 to 65535")
    if parts.path not in {"", "/"} or parts.fragment:
        raise reader.wrong(
            "nothing may stand between the port and the options; write / # ? in a password as %2F %23 %3F"
        )
    tls = parts.scheme == "smtps"
    username, password = _credentials(reader)
    options = reader.options(_OPTIONS)
    if tls and "starttls" in options:
        raise reader.wrong("starttls does not go with smtps://, which is encrypted from the start")
    return SmtpAddress(
        host=parts.hostname,
        port=port or (_TLS_PORT if tls else _PLAIN_PORT),
        tls=tls,
        starttls=_starttls(reader, options.get("starttls", "auto")),
        username=username,
        password=password,
        connections=int(
            reader.number("connections", options.get("connections", "8"), 1, _MOST_CONNECTIONS, whole=True)
        ),
        timeout=reader.number("timeout", options.get("timeout", "30"), 0.1, 3600),
        dkim=reader.switch("dkim", options.get("dkim", "off")),
    )


def _credentials(reader: ProviderUrl) -> tuple[str | None, str | None]:
    parts = reader.parts
    if not parts.username:
        if parts.password:
            raise reader.wrong("there is a password but no user")
        return None, None
    if parts.password is None:
        raise reader.wrong("there is a user but no password")
    username, password = unquote(parts.username), unquote(parts.password)
    if has_control_character(username + password):
        raise reader.wrong("user or password holds a control character")
    return username, password


def _starttls(reader: ProviderUrl, text: str) -> StartTls:
    try:
        return StartTls(text)
    except ValueError:
        raise reader.wrong("starttls must be auto, require or off") from None
