"""Segments of an SMS text: the default alphabet (GSM-7) or UCS-2, and where a long text is split.

3GPP TS 23.038: 6.2.1 the default alphabet, 6.2.1.1 its extension table, 6.2.3 UCS-2. A user data field has 140 octets:
160 septets or 70 UTF-16 units; in a text of several segments the header that joins them (TS 23.040, 9.2.3.24.1) takes
6 of the octets, which leaves 153 septets or 67 units.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from models.errors import InvalidInput

SEGMENTS_MAX = 10

_ESCAPE = "\x1b"
GSM7_TABLE = (
    "@£$¥èéùìòÇ\nØø\rÅå"
    f"Δ_ΦΓΛΩΠΨΣΘΞ{_ESCAPE}ÆæßÉ"
    " !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§"
    "¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
"""The default alphabet in the order of its codes; 0x1B, the escape, is no character."""
GSM7_EXTENSION_CODES = {
    "\f": 0x0A,
    "^": 0x14,
    "{": 0x28,
    "}": 0x29,
    "\\": 0x2F,
    "[": 0x3C,
    "~": 0x3D,
    "]": 0x3E,
    "|": 0x40,
    "€": 0x65,
}
"""What follows the escape."""
GSM7_EXTENSION = frozenset(GSM7_EXTENSION_CODES)
"""Characters that take two septets: an escape and their own."""
GSM7 = (frozenset(GSM7_TABLE) - {_ESCAPE}) | GSM7_EXTENSION
"""The characters of the default alphabet with its extension table."""

_BMP_LAST = "\uffff"  # after it a character is a surrogate pair in UTF-16


class SmsEncoding(StrEnum):
    """How a text is encoded for the radio."""

    GSM7 = "gsm7"
    UCS2 = "ucs2"

    @property
    def limits(self) -> tuple[int, int]:
        """Units of a text that goes out in one piece, and of each segment of a longer one: septets or UTF-16 units."""
        return (160, 153) if self is SmsEncoding.GSM7 else (70, 67)


@dataclass(frozen=True, slots=True)
class SmsText:
    """A text as it goes out. The segments, one after the other, are the text; an empty text is one empty segment."""

    encoding: SmsEncoding
    segments: tuple[str, ...]


def split_sms(text: str) -> SmsText:
    """The text in as few segments as there can be. What two units stand for is never split over two of them."""
    encoding = SmsEncoding.GSM7 if GSM7.issuperset(text) else SmsEncoding.UCS2
    return SmsText(encoding, tuple(_segments(text, encoding)))


def units(text: str, encoding: SmsEncoding) -> int:
    """The length of a text in septets or UTF-16 units."""
    return sum(_width(character, encoding) for character in text)


def checked_segments(text: str, field: str) -> int:
    """How many segments the text has. Raises InvalidInput on `field` when they are more than 10."""
    count = len(split_sms(text).segments)
    if count > SEGMENTS_MAX:
        raise InvalidInput(
            {field: [f"The {field} field must not be longer than {SEGMENTS_MAX} SMS segments; it has {count}."]}
        )
    return count


def _width(character: str, encoding: SmsEncoding) -> int:
    if encoding is SmsEncoding.GSM7:
        return 2 if character in GSM7_EXTENSION else 1
    return 2 if character > _BMP_LAST else 1


def _segments(text: str, encoding: SmsEncoding) -> Iterator[str]:
    whole, part = encoding.limits
    if units(text, encoding) <= whole:
        yield text
        return
    start = used = 0
    for index, character in enumerate(text):
        width = _width(character, encoding)
        if used + width > part:
            yield text[start:index]
            start, used = index, 0
        used += width
    yield text[start:]
