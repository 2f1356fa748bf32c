"""What deliver_sm brings: delivery receipts (SMPP 3.4, appendix B) and texts that people wrote."""

import hashlib
import re
from dataclasses import dataclass
from datetime import datetime

from models.rules.reports import ReportKind
from tasks.providers.callbacks import InboundSms, ProviderEvent
from tasks.providers.smpp_flight import number_of
from tasks.providers.smpp_pdu import MESSAGE_STATE, RECEIPTED_MESSAGE_ID, ShortMessage, text_of
from tasks.providers.smpp_statuses import report_kind, state_of
from tasks.providers.smpp_text import PartOf, read_text

_TYPE, _PLAIN, _RECEIPT = 0x3C, 0x00, 0x04  # bits 5 to 2 of esm_class, 5.2.12
_ID = re.compile(r"\bid:\s*(\S+)", re.IGNORECASE)
_STATE = re.compile(r"\bstat:\s*([A-Z]+)", re.IGNORECASE)
_ERROR = re.compile(r"\berr:\s*(\w+)", re.IGNORECASE)
_NO_ERROR = re.compile(r"0*")


@dataclass(frozen=True, slots=True)
class InboundPart:
    """A text that somebody wrote, or a part of it."""

    sender: str
    recipient: str
    text: str
    part: PartOf | None


def read_delivery(message: ShortMessage, received_at: datetime, receipt_ids: str) -> ProviderEvent | InboundPart | None:
    """What a deliver_sm says; None for what is of no interest. Raises NotSmppError.

    A receipt's date has no zone, and its SMSC's is not known: it happened when it came. What it says twice, in its text
    and in optional parameters, counts as the parameters have it.
    """
    kind = message.esm_class & _TYPE
    if kind == _PLAIN and RECEIPTED_MESSAGE_ID not in message.tlvs:
        text, part = read_text(message)
        return InboundPart(number_of(message.source), number_of(message.destination), text, part)
    if kind not in (_PLAIN, _RECEIPT):
        return None  # that a person read it, or a notification in between
    return _receipt(message, received_at, receipt_ids)


def _receipt(message: ShortMessage, received_at: datetime, receipt_ids: str) -> ProviderEvent | None:
    text = message.payload.decode("latin-1")
    reference = text_of(message.tlvs.get(RECEIPTED_MESSAGE_ID, b"")) or _first(_ID, text)
    given = message.tlvs.get(MESSAGE_STATE)
    state = given[0] if given else state_of(_first(_STATE, text))
    reported = report_kind(state) if state is not None else None
    if not reference or reported is None:
        return None
    reference = canonical_id(reference, receipt_ids, is_receipt=True)
    error = _first(_ERROR, text)
    payload = {} if reported is ReportKind.DELIVERED or _NO_ERROR.fullmatch(error) else {"code": error}
    recipient = number_of(message.source)  # a receipt comes from where the message went
    return ProviderEvent(f"{reference}:{state}", reported, received_at, None, reference, recipient or None, payload)


def _first(pattern: re.Pattern[str], text: str) -> str:
    found = pattern.search(text)
    return found[1] if found else ""


def canonical_id(text: str, receipt_ids: str, *, is_receipt: bool) -> str:
    """A message id as both its response and its receipt give it. Where they write it in different bases (`receipt_ids`,
    see SmppAddress) that is its decimal number; what is no number stays as it is."""
    if receipt_ids == "same":
        return text
    is_hexadecimal = (receipt_ids == "hexadecimal") == is_receipt
    try:
        return str(int(text, 16 if is_hexadecimal else 10))
    except ValueError:
        return text


def inbound_sms(whole: InboundPart, received_at: datetime) -> InboundSms:
    """An SMPP message has no id. Somebody may write the same again within the minute (STOP, START, STOP), so the key is
    that of its arrival: what an SMSC sends again after a broken connection is there twice, and nothing is missing."""
    said = f"{whole.sender}\0{whole.recipient}\0{whole.text}\0{received_at.isoformat()}"
    key = hashlib.sha256(said.encode()).hexdigest()[:40]
    return InboundSms(key, received_at, whole.sender, whole.recipient, whole.text)
