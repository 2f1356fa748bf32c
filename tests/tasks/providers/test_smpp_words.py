"""SMPP on paper: PDUs, alphabets, parts and addresses, with nobody at the other end."""

from dataclasses import replace
from datetime import UTC, datetime
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.errors import SetupError
from models.rules.sms import GSM7, split_sms
from tasks.providers.base import Outcome, OutcomeKind
from tasks.providers.smpp_flight import address_of, number_of, verdict
from tasks.providers.smpp_pdu import (
    NotSmppError,
    PduReader,
    ShortMessage,
    message_body,
    pdu,
    read_message,
)
from tasks.providers.smpp_receipts import read_delivery
from tasks.providers.smpp_text import decode_gsm7, encode_gsm7, read_text, text_parts
from tasks.providers.smpp_url import parse_smpp_url

AT = datetime(2026, 11, 30, 12, tzinfo=UTC)
PERSON, OURS = address_of("+37120000009"), address_of("+37120000001")
GSM7_TEXTS = st.text(st.sampled_from(sorted(GSM7)), max_size=700)
ANY_TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=300)


@given(GSM7_TEXTS)
def test_gsm7_comes_back_as_it_was(text):
    assert decode_gsm7(encode_gsm7(text)) == text


def test_gsm7_has_the_codes_of_its_table():
    assert encode_gsm7("@£A[€à") == bytes([0x00, 0x01, 0x41, 0x1B, 0x3C, 0x1B, 0x65, 0x7F])
    assert decode_gsm7(b"\x1b\x41\x1b\x1b\x65") == "A€"  # an escape before no extension, and one before an escape


@given(GSM7_TEXTS | ANY_TEXTS)
def test_the_parts_of_a_text_make_the_text_and_are_what_it_costs(text):
    parts = text_parts(text, uuid4())
    assert len(parts) == len(split_sms(text).segments)
    read = []
    for part in parts:
        assert len(part.payload) <= (140 if part.data_coding == 8 else 160)
        read.append(read_text(ShortMessage(PERSON, OURS, part.payload, part.esm_class, part.data_coding)))
    assert "".join(each for each, _ in read) == text
    if len(parts) > 1:
        assert [joined.number for _, joined in read if joined] == list(range(1, len(parts) + 1))
        assert len({(joined.reference, joined.total) for _, joined in read if joined}) == 1


def test_a_second_try_has_the_reference_of_the_first():
    id_ = uuid4()
    assert text_parts("x" * 200, id_) == text_parts("x" * 200, id_)


@given(st.binary(max_size=400), st.dictionaries(st.integers(0x1400, 0x1500), st.binary(max_size=20), max_size=3))
def test_a_message_reads_as_it_was_written(payload, tlvs):
    message = ShortMessage(PERSON, address_of("EXOSMS"), payload, 0x40, 8, 1, tlvs)
    read = read_message(message_body(message))
    assert replace(read, tlvs=tlvs) == message


@given(st.binary(max_size=200))
def test_a_body_of_anything_is_read_or_refused(body):
    try:
        message = read_message(body)
        read_delivery(message, AT, "same")
    except NotSmppError:
        pass


@given(st.lists(st.integers(1, 40), max_size=20))
def test_pdus_are_whole_however_they_come(cuts):
    stream = b"".join(pdu(4, number, bytes(number)) for number in range(1, 10))
    reader, found = PduReader(), []
    for cut in [*cuts, len(stream)]:
        found += reader.read(stream[:cut])
        stream = stream[cut:]
    assert [(each.sequence, len(each.body)) for each in found] == [(number, number) for number in range(1, 10)]


@pytest.mark.parametrize("data", [b"\0\0\0\x07 this is not", b"HTTP/1.1 400 Bad Request\r\n"])
def test_what_is_no_pdu_is_refused(data):
    with pytest.raises(NotSmppError):
        list(PduReader().read(data))


@pytest.mark.parametrize(
    ("text", "address"),
    [("+37120000001", (1, 1, "37120000001")), ("EXOSMS", (5, 0, "EXOSMS")), ("1234", (3, 0, "1234"))],
)
def test_addresses_say_what_kind_they_are(text, address):
    assert address_of(text) == address
    assert number_of(address_of(text)) == text


A, R, D, U = OutcomeKind.ACCEPTED, OutcomeKind.REJECTED, OutcomeKind.DEFERRED, OutcomeKind.UNCERTAIN


@pytest.mark.parametrize(
    ("kinds", "kind"),
    [([A, A], A), ([A, R], U), ([A, D], U), ([A, U], U), ([R, U], U), ([D, U], U), ([D, R], R), ([D, D], D)],
)
def test_what_parts_make_of_a_message(kinds, kind):
    assert verdict([Outcome(each, code=each.value) for each in kinds]).kind is kind
    assert verdict([Outcome(each, code=each.value) for each in reversed(kinds)]).kind is kind


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("smtp://a:b@host", "begin with smpp://"),
        ("smpp://host", "needs a system_id"),
        ("smpp://a@host", "needs a password"),
        ("smpp://a:b@", "names no host"),
        ("smpp://a:b@host:0", "port must be"),
        ("smpp://a:secret@host:x", "port is not a number"),
        ("smpp://a:b@host/x", "nothing may stand"),
        ("smpp://a:b@host?window=0", "window must be a number"),
        ("smpp://a:b@host?windows=1", "unknown option"),
        ("smpp://a:b@host?bind=both", "bind must be one of"),
        ("smpp://a:b@host?receipt_ids=octal", "receipt_ids must be one of"),
        ("smpp://a:%C4%80@host", "printable ASCII"),
        (f"smpp://{'a' * 16}:b@host", "at most 15"),
    ],
)
def test_what_is_wrong_with_a_url_is_said_without_it(url, says):
    with pytest.raises(SetupError, match=says) as caught:
        parse_smpp_url("EXOSEND_SMS_URL", url)
    assert "secret" not in str(caught.value)


def test_a_url_in_full():
    address = parse_smpp_url("EXOSEND_SMS_URL", "smpps://me:p%40ss@smsc.example?window=50&timeout=5&bind=transceiver")
    assert (address.port, address.tls, address.password, address.window) == (3550, True, "p@ss", 50)
    assert "p@ss" not in repr(address)
