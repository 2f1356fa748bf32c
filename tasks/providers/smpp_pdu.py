"""SMPP 3.4 on the wire: the PDUs that a client needs, put together and taken apart.

The specification is "Short Message Peer to Peer Protocol Specification v3.4", 12-Oct-1999 Issue 1.2 (smpp.org); numbers
in comments are its sections. Nothing here waits or decides.
"""

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

# 5.1.2.1
GENERIC_NACK = 0x80000000
BIND_RECEIVER, BIND_TRANSMITTER, BIND_TRANSCEIVER = 0x01, 0x02, 0x09
SUBMIT_SM, DELIVER_SM = 0x04, 0x05
UNBIND, ENQUIRE_LINK = 0x06, 0x15
RESPONSE = 0x80000000  # this bit makes a request's command that of its response

# 5.3.2
RECEIPTED_MESSAGE_ID, MESSAGE_PAYLOAD, MESSAGE_STATE = 0x001E, 0x0424, 0x0427
SAR_MSG_REF_NUM, SAR_TOTAL_SEGMENTS, SAR_SEGMENT_SEQNUM = 0x020C, 0x020E, 0x020F

UDH_INDICATOR = 0x40  # of esm_class, 5.2.12
VERSION = 0x34
SHORT_MESSAGE_MAX = 254
_MOST_BYTES = 64 * 1024 + 1024  # a message_payload has up to 64 KB
_HEADER = struct.Struct(">IIII")
_TLV = struct.Struct(">HH")
_SEQUENCE_MAX = 0x7FFFFFFF


class NotSmppError(Exception):
    """What came is not SMPP, or breaks off."""


class Pdu(NamedTuple):
    """One PDU as it came; `sequence` joins a response to its request."""

    command: int
    status: int
    sequence: int
    body: bytes


class Address(NamedTuple):
    """A number or name with its type of number and numbering plan (5.2.5, 5.2.6)."""

    ton: int
    npi: int
    text: str


@dataclass(frozen=True, slots=True)
class ShortMessage:
    """The body of submit_sm (4.4.1) and deliver_sm (4.6.1), which have the same fields; `payload` with its user data
    header, if `esm_class` says that it has one."""

    source: Address
    destination: Address
    payload: bytes
    esm_class: int = 0
    data_coding: int = 0
    registered_delivery: int = 0
    tlvs: Mapping[int, bytes] = field(default_factory=dict)


class PduReader:
    """Takes bytes as they come, gives whole PDUs."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def read(self, data: bytes) -> Iterator[Pdu]:
        """The PDUs that are whole by now. Raises NotSmppError."""
        buffer = self._buffer
        buffer += data
        at = 0
        try:
            while len(buffer) - at >= _HEADER.size:
                length, command, status, sequence = _HEADER.unpack_from(buffer, at)
                if not _HEADER.size <= length <= _MOST_BYTES:
                    raise NotSmppError(f"a PDU of {length} bytes")
                if len(buffer) - at < length:
                    break
                yield Pdu(command, status, sequence, bytes(buffer[at + _HEADER.size : at + length]))
                at += length
        finally:
            del buffer[:at]


def pdu(command: int, sequence: int, body: bytes = b"", status: int = 0) -> bytes:
    """A whole PDU."""
    return _HEADER.pack(_HEADER.size + len(body), command, status, sequence) + body


def next_sequence(sequence: int) -> int:
    """1 to 0x7FFFFFFF, and again from 1 (5.1.4)."""
    return sequence % _SEQUENCE_MAX + 1


def bind_body(system_id: str, password: str, system_type: str) -> bytes:
    """Of the three binds (4.1). Raises UnicodeEncodeError for what is not ASCII."""
    texts = b"".join(text.encode("ascii") + b"\0" for text in (system_id, password, system_type))
    return texts + bytes((VERSION, 0, 0)) + b"\0"


def message_body(message: ShortMessage) -> bytes:
    """Of submit_sm and deliver_sm. A payload that is too long for short_message goes as message_payload. Raises
    UnicodeEncodeError, ValueError for an address that cannot be written."""
    is_long = len(message.payload) > SHORT_MESSAGE_MAX
    tlvs = {**message.tlvs, **({MESSAGE_PAYLOAD: message.payload} if is_long else {})}
    short = b"" if is_long else message.payload
    head = b"\0" + _address(message.source) + _address(message.destination)  # service_type is empty
    flags = bytes((message.esm_class, 0, 0)) + b"\0\0"  # protocol_id, priority_flag; no schedule, the SMSC's validity
    coding = bytes((message.registered_delivery, 0, message.data_coding, 0, len(short)))
    optional = b"".join(_TLV.pack(tag, len(value)) + value for tag, value in tlvs.items())
    return head + flags + coding + short + optional


def _address(address: Address) -> bytes:
    text = address.text.encode("ascii")
    if len(text) > 20 or b"\0" in text:
        raise ValueError("An address has at most 20 characters.")
    return bytes((address.ton, address.npi)) + text + b"\0"


def read_message(body: bytes) -> ShortMessage:
    """The body of submit_sm or deliver_sm. Raises NotSmppError."""
    fields = _Fields(body)
    fields.text(6)
    source = Address(fields.octet(), fields.octet(), fields.text(21))
    destination = Address(fields.octet(), fields.octet(), fields.text(21))
    esm_class, _, _ = fields.octet(), fields.octet(), fields.octet()
    fields.text(17)
    fields.text(17)
    registered, _, data_coding, _ = fields.octet(), fields.octet(), fields.octet(), fields.octet()
    payload = fields.octets(fields.octet())
    tlvs = fields.tlvs()
    payload = payload or tlvs.get(MESSAGE_PAYLOAD, b"")
    return ShortMessage(source, destination, payload, esm_class, data_coding, registered, tlvs)


def read_bind(body: bytes) -> tuple[str, str]:
    """system_id and password of a bind. Raises NotSmppError."""
    fields = _Fields(body)
    return fields.text(16), fields.text(9)


def text_of(body: bytes) -> str:
    """A text up to its NUL, or to the end: the message_id of a response, whose NUL some servers leave out."""
    return body.partition(b"\0")[0].decode("ascii", "replace")


class _Fields:
    """Takes fields off a body, one after the other."""

    def __init__(self, body: bytes) -> None:
        self._body = body
        self._at = 0

    def octet(self) -> int:
        return self.octets(1)[0]

    def octets(self, count: int) -> bytes:
        end = self._at + count
        if end > len(self._body):
            raise NotSmppError("a PDU that breaks off")
        found = self._body[self._at : end]
        self._at = end
        return found

    def text(self, most: int) -> str:
        end = self._body.find(b"\0", self._at, self._at + 4 * most)  # servers have been seen to allow themselves more
        if end < 0:
            raise NotSmppError("a text without its end")
        found = self._body[self._at : end]
        self._at = end + 1
        return found.decode("latin-1")

    def tlvs(self) -> dict[int, bytes]:
        found: dict[int, bytes] = {}
        while len(self._body) - self._at >= _TLV.size:
            tag, length = _TLV.unpack(self.octets(_TLV.size))
            found[tag] = self.octets(length)
        return found
