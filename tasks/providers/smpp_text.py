"""Texts of SMS as SMPP carries them: alphabets, and the header that joins the parts of a long one.

3GPP TS 23.038 (alphabets), TS 23.040 section 9.2.3.24 (user data header); data_coding: SMPP 3.4 section 5.2.19. The
default alphabet goes unpacked, a septet in each octet.
"""

from dataclasses import dataclass
from uuid import UUID
from zlib import crc32

from models.rules.sms import GSM7_EXTENSION_CODES, GSM7_TABLE, SmsEncoding, split_sms
from tasks.providers.smpp_pdu import (
    SAR_MSG_REF_NUM,
    SAR_SEGMENT_SEQNUM,
    SAR_TOTAL_SEGMENTS,
    UDH_INDICATOR,
    NotSmppError,
    ShortMessage,
)

_DEFAULT, _ASCII, _LATIN1, _UCS2 = 0, 1, 3, 8
_ESCAPE = 0x1B
_JOINED_8, _JOINED_16 = 0x00, 0x08  # information elements of the header: with a reference of 8 or 16 bits

_TO_GSM7 = {ord(character): chr(code) for code, character in enumerate(GSM7_TABLE) if code != _ESCAPE} | {
    ord(character): chr(_ESCAPE) + chr(code) for character, code in GSM7_EXTENSION_CODES.items()
}
_EXTENSION = {code: character for character, code in GSM7_EXTENSION_CODES.items()}


@dataclass(frozen=True, slots=True)
class TextPart:
    """One part of a text, ready for submit_sm."""

    payload: bytes
    data_coding: int
    esm_class: int


@dataclass(frozen=True, slots=True)
class PartOf:
    """Which part of a long text one is: the same `reference` and `total` for all, `number` from 1."""

    reference: int
    total: int
    number: int


def text_parts(text: str, message_id: UUID) -> list[TextPart]:
    """A text in its segments (models/rules/sms.py), which are what it costs.

    The reference has 8 bits, because one of 16 takes an octet more, and segments would be shorter than those that were
    paid for. It is made from the message's id: a second try has the same, so that a phone that has some parts of the
    first fills up what it misses.
    """
    split = split_sms(text)
    is_gsm7 = split.encoding is SmsEncoding.GSM7
    coding = _DEFAULT if is_gsm7 else _UCS2
    encoded = [encode_gsm7(each) if is_gsm7 else each.encode("utf-16-be") for each in split.segments]
    if len(encoded) == 1:
        return [TextPart(encoded[0], coding, 0)]
    reference, total = crc32(message_id.bytes) & 0xFF, len(encoded)
    return [
        TextPart(bytes((5, _JOINED_8, 3, reference, total, number)) + payload, coding, UDH_INDICATOR)
        for number, payload in enumerate(encoded, 1)
    ]


def encode_gsm7(text: str) -> bytes:
    """Raises UnicodeEncodeError for a character beyond the alphabet."""
    return text.translate(_TO_GSM7).encode("latin-1")


def decode_gsm7(payload: bytes) -> str:
    """An escape before what is no extension shows as the character alone (TS 23.038, 6.2.1.1)."""
    characters: list[str] = []
    is_escaped = False
    for code in payload:
        if code == _ESCAPE:
            is_escaped = True
            continue
        plain = GSM7_TABLE[code & 0x7F]
        characters.append(_EXTENSION.get(code, plain) if is_escaped else plain)
        is_escaped = False
    return "".join(characters)


def read_text(message: ShortMessage) -> tuple[str, PartOf | None]:
    """The text of a message, and which part of a longer one it is. Raises NotSmppError."""
    payload, part = message.payload, _sar(message)
    if message.esm_class & UDH_INDICATOR:
        if not payload or len(payload) <= payload[0]:
            raise NotSmppError("a user data header that breaks off")
        header, payload = payload[1 : payload[0] + 1], payload[payload[0] + 1 :]
        part = _joined(header) or part
    return _decoded(payload, message.data_coding), part


def _decoded(payload: bytes, coding: int) -> str:
    if coding in (_DEFAULT, 0xF0, 0x10):
        return decode_gsm7(payload)
    if coding == _UCS2 or (coding < 0x80 and coding & 0x0C == _UCS2):
        return payload.decode("utf-16-be", "replace")
    return payload.decode("ascii" if coding == _ASCII else "latin-1", "replace")


def _joined(header: bytes) -> PartOf | None:
    at = 0
    while at + 2 <= len(header):
        element, length = header[at], header[at + 1]
        value = header[at + 2 : at + 2 + length]
        if element == _JOINED_8 and len(value) == 3:
            return _part(value[0], value[1], value[2])
        if element == _JOINED_16 and len(value) == 4:
            return _part(int.from_bytes(value[:2]), value[2], value[3])
        at += 2 + length
    return None


def _sar(message: ShortMessage) -> PartOf | None:
    values = [message.tlvs.get(tag) for tag in (SAR_MSG_REF_NUM, SAR_TOTAL_SEGMENTS, SAR_SEGMENT_SEQNUM)]
    if not all(values):
        return None
    return _part(*(int.from_bytes(value) for value in values if value))


def _part(reference: int, total: int, number: int) -> PartOf | None:
    return PartOf(reference, total, number) if total > 1 and 1 <= number <= total else None
