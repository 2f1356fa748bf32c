"""Mail headers as bytes (RFC 5322, RFC 2047): no value can end a header, start another, or be read as an encoded word.

Lines are at most 78 characters where their words allow it (RFC 5322, 2.1.1), and never more than 998.
"""

import binascii
import re
from functools import lru_cache
from typing import NamedTuple

import idna

from models.errors import InvalidInput
from tasks.content.rendering import header_text

LINE_MAX = 78
#: Longest encoded word (RFC 2047, 2).
WORD_MAX = 75

_ATEXT = r"A-Za-z0-9!#$%&'*+/=?^_`{|}~\-"
_PLAIN_ADDRESS = re.compile(rf"[{_ATEXT}]+(?:\.[{_ATEXT}]+)*@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*").fullmatch
_ATOMS = re.compile(rf"[{_ATEXT}]+(?: [{_ATEXT}]+)*").fullmatch
_ENCODED_WORD = "=?"  # RFC 2047, 2: how one begins
_ASCII_TEXT = re.compile(r"[!-~]+(?: +[!-~]+)*").fullmatch
_LOCAL_INTERNATIONAL = re.compile(rf"[{_ATEXT}\u00a1-\U0010ffff]+(?:\.[{_ATEXT}\u00a1-\U0010ffff]+)*").fullmatch
_HEADER_NAME = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,70}").fullmatch
_HEADER_VALUE = re.compile(r"[!-~][ -~]{0,900}").fullmatch
_Q_SAFE = re.compile(r"[A-Za-z0-9!*+/-]").fullmatch
_FOLDABLE = re.compile(r" *[^ ]+")


class WireAddress(NamedTuple):
    """An address as it goes over the wire: the domain in A-labels. With a local part outside ASCII the server must
    offer SMTPUTF8 (RFC 6531)."""

    address: str
    needs_smtputf8: bool


def wire_address(address: str, field: str = "to_email") -> WireAddress:
    """The address for envelope and headers. Raises InvalidInput on `field` if it is none (quoted local parts, which
    almost no mailbox has and many servers get wrong, are refused)."""
    if len(address) <= 254 and _PLAIN_ADDRESS(address):
        return WireAddress(address, False)
    local, _, domain = address.rpartition("@")
    try:
        domain = idna.encode(domain, uts46=True).decode("ascii")
    except idna.IDNAError:
        domain = ""
    if not domain or len(local.encode("utf-8", "replace")) > 64 or not _LOCAL_INTERNATIONAL(local):
        raise InvalidInput({field: [f"The {field} must be a valid email address."]})
    if header_text(local) != local or any(character.isspace() for character in local):
        raise InvalidInput({field: [f"The {field} must be a valid email address."]})
    return WireAddress(f"{local}@{domain}", not local.isascii())


def unstructured_header(name: str, text: str) -> bytes:
    """`Name: text` with CRLF: a subject, for instance. `text` is reduced to one line first."""
    if not _ASCII_TEXT(text) or len(text) > LINE_MAX:
        text = header_text(text)
    if not text:
        return f"{name}:\r\n".encode()
    if _ASCII_TEXT(text) and _ENCODED_WORD not in text:
        if len(name) + 2 + len(text) <= LINE_MAX:
            return f"{name}: {text}\r\n".encode()
        words = _FOLDABLE.findall(text)
        if max(map(len, words)) <= LINE_MAX - len(name) - 2:
            return _fold(f"{name}:", [" " + words[0], *words[1:]])
    return _fold(f"{name}:", [" " + word for word in _encoded_words(text, name)])


def to_header(recipient: str, display_name: str | None) -> bytes:
    """`To: display name <address>` with CRLF. Raises InvalidInput on `to_email` if the recipient is no address."""
    if not display_name and len(recipient) <= 254 and _PLAIN_ADDRESS(recipient):
        return f"To: {recipient}\r\n".encode("ascii")
    return mailbox_header("To", wire_address(recipient), display_name)


def mailbox_header(name: str, address: WireAddress, display_name: str | None) -> bytes:
    """`Name: display name <address>` with CRLF."""
    phrase = _phrase(header_text(display_name), name) if display_name else []
    if not phrase:
        return f"{name}: {address.address}\r\n".encode()
    return _fold(f"{name}:", [*(" " + word for word in phrase), f" <{address.address}>"])


def mailbox_text(address: str, display_name: str | None) -> str:
    """The value of a header with one mailbox, on one line: `display name <address>`. Raises InvalidInput."""
    return mailbox_header("To", wire_address(address), display_name)[4:-2].decode("utf-8").replace("\r\n", "")


def plain_header(name: str, value: str) -> bytes:
    """A header whose value is already as it must be (List-Unsubscribe, Precedence). Raises ValueError when it is not
    printable ASCII on one line of at most 900 characters."""
    if not _HEADER_NAME(name) or not _HEADER_VALUE(value):
        raise ValueError(f"not a header: {name!r}")
    return f"{name}: {value}\r\n".encode()


def _phrase(text: str, name: str) -> list[str]:
    """A display name as words of a phrase: atoms, one quoted string, or encoded words (RFC 5322, 3.2.5)."""
    if _ASCII_TEXT(text) and _ENCODED_WORD not in text and len(text) <= 60:
        if _ATOMS(text):
            return text.split(" ")
        return ['"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"']
    return _encoded_words(text[:200].rstrip(" "), name) if text else []


def _encoded_words(text: str, name: str) -> list[str]:
    """`text` as RFC 2047 words, none of which splits a character, each of which fits on a line with the header's name.
    Q for text that is mostly ASCII, since people can read it, base64 for other text.

    Q escapes all that RFC 2047, 5 (3) forbids in phrases, so the words serve there as well as in a subject.
    """
    letters = [_q_letter(character) for character in text]
    room = min(WORD_MAX, LINE_MAX - len(name) - 2) - len("=?utf-8?q??=")
    if sum(map(len, letters)) <= len(text.encode("utf-8")) * 2:
        return [f"=?utf-8?q?{chunk}?=" for chunk in _chunks(letters, room)]
    return [
        f"=?utf-8?b?{binascii.b2a_base64(chunk.encode('utf-8'), newline=False).decode()}?="
        for chunk in _chunks(list(text), room // 4 * 3)
    ]


@lru_cache(maxsize=1024)
def _q_letter(character: str) -> str:
    if character == " ":
        return "_"
    if _Q_SAFE(character):
        return character
    return "".join(f"={byte:02X}" for byte in character.encode("utf-8"))


def _chunks(letters: list[str], room: int) -> list[str]:
    """Letters joined into pieces of at most `room` bytes of UTF-8."""
    whole = "".join(letters)
    if len(whole.encode("utf-8")) <= room:
        return [whole]
    chunks = [""]
    used = 0
    for letter in letters:
        length = len(letter.encode("utf-8"))
        if used + length > room:
            chunks.append("")
            used = 0
        chunks[-1] += letter
        used += length
    return chunks


def _fold(start: str, words: list[str]) -> bytes:
    """Words, each with the space before it, on lines of at most 78 characters. The first stays on the first line, since
    a line of nothing but the name is obsolete syntax, unless it is too long for it."""
    lines = [start]
    for word in words:
        if len(lines[-1]) + len(word) > LINE_MAX and lines[-1] != start:
            lines.append(word)
        else:
            lines[-1] += word
    return ("\r\n".join(lines) + "\r\n").encode("utf-8")
