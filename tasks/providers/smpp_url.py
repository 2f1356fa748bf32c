"""Reads an SMPP account: EXOSEND_SMS_URL, or the URL of an account."""

from dataclasses import dataclass, field
from urllib.parse import unquote

from tasks.providers.provider_url import ProviderUrl, has_control_character

SCHEMES = ("smpp", "smpps")
_PORT, _TLS_PORT = 2775, 3550  # as registered, and as providers have it; a port is best given
_BINDS = ("transmitter", "transceiver")
_RECEIPT_IDS = ("same", "decimal", "hexadecimal")
_NUMBERS = {
    "connections": (1, 1, 50),
    "window": (10, 1, 1000),
    "timeout": (30, 0.1, 3600),
    "enquire_link": (30, 0.1, 3600),
}
_OPTIONS = {*_NUMBERS, "bind", "system_type", "receipt_ids"}
_FORM = "smpp://system_id:password@host[:port][?window=10&connections=1&timeout=30&enquire_link=30&bind=transmitter]"


@dataclass(frozen=True, slots=True)
class SmppAddress:
    """An account at an SMSC. Its repr shows no password.

    `window`: submit_sm that may wait for their response on a connection. `timeout`: seconds for a response.
    `enquire_link`: seconds of silence after which the SMSC is asked whether it is there. `bind`: how connections that
    send bind; receipts come to one of their own. `receipt_ids`: whether receipts write an id as its response did, or
    in decimal what was hexadecimal there, or the other way round: many do.
    """

    host: str
    port: int
    system_id: str
    password: str = field(repr=False)
    tls: bool = False
    connections: int = 1
    window: int = 10
    timeout: float = 30.0
    enquire_link: float = 30.0
    bind: str = "transmitter"
    system_type: str = ""
    receipt_ids: str = "same"


def parse_smpp_url(setting: str, url: str) -> SmppAddress:
    """Read the value of `setting`; system_id and password are percent-decoded.

    Raises SetupError, which names the setting and what is wrong, and never shows the URL itself.
    """
    reader = ProviderUrl(setting, url, _FORM)
    parts, port = reader.parts, reader.port
    if parts.scheme not in SCHEMES:
        raise reader.wrong("it must begin with smpp:// or smpps://")
    if not parts.hostname or port == 0:
        raise reader.wrong("it names no host" if port != 0 else "the port must be from 1 to 65535")
    if parts.path not in {"", "/"} or parts.fragment:
        raise reader.wrong("nothing may stand between the port and the options; / # ? in a password are %2F %23 %3F")
    options = reader.options(_OPTIONS)
    numbers = {
        name: reader.number(name, options.get(name, str(default)), least, most)
        for name, (default, least, most) in _NUMBERS.items()
    }
    tls = parts.scheme == "smpps"
    return SmppAddress(
        host=parts.hostname,
        port=port or (_TLS_PORT if tls else _PORT),
        # 5.2.1, 5.2.2: with their NUL they have 16 and 9 octets. Some SMSCs take longer passwords.
        system_id=_plain(reader, "system_id", parts.username, 15),
        password=_plain(reader, "password", parts.password, 64),
        tls=tls,
        connections=int(numbers["connections"]),
        window=int(numbers["window"]),
        timeout=numbers["timeout"],
        enquire_link=numbers["enquire_link"],
        bind=_one_of(reader, "bind", options.get("bind", _BINDS[0]), _BINDS),
        system_type=_plain(reader, "system_type", options.get("system_type", ""), 12),
        receipt_ids=_one_of(reader, "receipt_ids", options.get("receipt_ids", _RECEIPT_IDS[0]), _RECEIPT_IDS),
    )


def _plain(reader: ProviderUrl, name: str, text: str | None, most: int) -> str:
    if text is None or (not text and name != "system_type"):
        raise reader.wrong(f"it needs a {name}")
    plain = unquote(text)
    if not plain.isascii() or has_control_character(plain) or len(plain) > most:
        raise reader.wrong(f"the {name} must be printable ASCII, at most {most} characters")
    return plain


def _one_of(reader: ProviderUrl, name: str, text: str, allowed: tuple[str, ...]) -> str:
    if text not in allowed:
        raise reader.wrong(f"{name} must be one of {', '.join(allowed)}")
    return text
