"""What deliver_sm brings: receipts in whatever form, and what people write, in parts."""

from datetime import UTC, datetime
from uuid import uuid4

import pytest

from models.rules.reports import ReportKind
from tasks.providers.smpp_assembly import PATIENCE_SECONDS, Assembly
from tasks.providers.smpp_flight import address_of
from tasks.providers.smpp_pdu import MESSAGE_STATE, RECEIPTED_MESSAGE_ID, ShortMessage
from tasks.providers.smpp_receipts import InboundPart, inbound_sms, read_delivery
from tasks.providers.smpp_text import text_parts

AT = datetime(2026, 11, 30, 12, tzinfo=UTC)
PERSON, OURS = address_of("+37120000009"), address_of("+37120000001")


def receipt(text: str, **tlvs: bytes) -> ShortMessage:
    optional = {{"id": RECEIPTED_MESSAGE_ID, "state": MESSAGE_STATE}[name]: value for name, value in tlvs.items()}
    return ShortMessage(PERSON, address_of("EXOSMS"), text.encode(), 0x04, tlvs=optional)


TEXT = "id:{} sub:001 dlvrd:001 submit date:2611301200 done date:2611301201 stat:{} err:{} text:Hello id:9"


@pytest.mark.parametrize(
    ("word", "kind"),
    [
        ("DELIVRD", ReportKind.DELIVERED),
        ("EXPIRED", ReportKind.EXPIRED),
        ("UNDELIV", ReportKind.FAILED),
        ("REJECTD", ReportKind.FAILED),
        ("DELETED", ReportKind.FAILED),
        ("undelivered", ReportKind.FAILED),
        ("ACCEPTD", None),
        ("ENROUTE", None),
        ("UNKNOWN", None),
        ("NONSENSE", None),
    ],
)
def test_what_the_word_of_a_receipt_means(word, kind):
    event = read_delivery(receipt(TEXT.format("7F", word, "000")), AT, "same")
    assert (event and event.kind) == kind
    if event is not None:
        assert (event.provider_ref, event.recipient, event.occurred_at) == ("7F", "+37120000009", AT)


def test_optional_parameters_come_before_the_text_and_an_error_is_said():
    event = read_delivery(receipt(TEXT.format("1", "DELIVRD", "045"), id=b"abc\0", state=b"\x05"), AT, "same")
    assert (event.key, event.kind, event.payload) == ("abc:5", ReportKind.FAILED, {"code": "045"})
    assert read_delivery(receipt("", id=b"abc\0", state=b"\x02"), AT, "same").key == "abc:2"
    assert read_delivery(receipt("no receipt at all"), AT, "same") is None


@pytest.mark.parametrize(("ids", "said", "reference"), [("same", "0A", "0A"), ("decimal", "10", "10")])
def test_ids_of_receipts_in_another_base(ids, said, reference):
    assert read_delivery(receipt(TEXT.format(said, "DELIVRD", "000")), AT, ids).provider_ref == reference
    hexadecimal = read_delivery(receipt(TEXT.format("0A", "DELIVRD", "000")), AT, "hexadecimal")
    assert hexadecimal.provider_ref == "10"


def test_a_text_of_a_person():
    text = "STOP €"
    [part] = text_parts(text, uuid4())
    said = read_delivery(ShortMessage(PERSON, OURS, part.payload), AT, "same")
    assert said == InboundPart("+37120000009", "+37120000001", text, None)
    assert inbound_sms(said, AT).key != inbound_sms(said, AT.replace(second=1)).key


def test_parts_of_a_text_come_in_any_order_and_some_twice_and_some_never():
    parts = [
        read_delivery(ShortMessage(PERSON, OURS, part.payload, part.esm_class, part.data_coding), AT, "same")
        for part in text_parts("ā" * 150, uuid4())
    ]
    assembly: Assembly[int] = Assembly()
    assert assembly.add(parts[2], 3, 0.0) is None
    assert assembly.add(parts[2], 4, 0.0) is None
    assert assembly.add(parts[0], 1, 0.0) is None
    whole = assembly.add(parts[1], 2, 0.0)
    assert (whole.text.text, whole.along) == ("ā" * 150, (3, 4, 1, 2))
    assembly.add(parts[1], 5, 0.0)
    assert list(assembly.overdue(PATIENCE_SECONDS)) == []
    assert [late.text.text for late in assembly.overdue(PATIENCE_SECONDS + 1)] == ["ā" * 67]
    assembly.add(parts[1], 6, 0.0)
    assert [each.along for each in assembly.rest()] == [(6,)]
