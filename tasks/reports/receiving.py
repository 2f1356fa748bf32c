"""From what a vendor's module read to what is kept of it: bounded, cleaned, with times that can be true. Pure."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from models.rules.callbacks import EVENTS_MAX, TEXT_MAX, believable_time
from models.rules.ids import new_id
from models.rules.stored_text import REFERENCE_MAX, stored_text
from tasks.providers.callbacks import Confirmation, InboundSms, Told, UnreadableCallback

_KEY_MAX = 200
_NAME_MAX = 320  # of an address (RFC 5321, 4.5.3.1), and more than any number has
_SMS_MAX = 5000
_VALUES_MAX = 20  # of a payload


@dataclass(frozen=True, slots=True)
class Received:
    """Rows for receive_callback and receive_events (models/store/callbacks.py), and what has to be confirmed."""

    events: list[dict[str, Any]] = field(default_factory=list)
    inbound: list[dict[str, Any]] = field(default_factory=list)
    confirmations: list[Confirmation] = field(default_factory=list)


def rows_of(found: Sequence[Told], received_at: datetime) -> Received:
    """What is kept of the events of one request; those that name no message, and repeated keys, are left out.

    Raises UnreadableCallback for more than any vendor sends.
    """
    if len(found) > EVENTS_MAX:
        raise UnreadableCallback(f"It has {len(found)} events; {EVENTS_MAX} are the most.")
    received = Received()
    for each in _first_of_each_key(found):
        if isinstance(each, Confirmation):
            received.confirmations.append(each)
            continue
        row = {
            "id": new_id(),
            "key": _key(each.key),
            "recipient": _text(each.recipient, _NAME_MAX),
            "occurred_at": believable_time(each.occurred_at, received_at),
        }
        if isinstance(each, InboundSms):
            texts = {"sender": _text(each.sender, _NAME_MAX), "text": _text(each.text, _SMS_MAX)}
            received.inbound.append(row | texts)
        elif each.message_id is not None or each.provider_ref:
            received.events.append(
                row
                | {
                    "message_id": each.message_id,
                    "provider_ref": _text(each.provider_ref, REFERENCE_MAX),
                    "kind": each.kind.value,
                    "payload": _payload(each.payload),
                }
            )
    return received


def _first_of_each_key(found: Iterable[Told]) -> Iterable[Told]:
    firsts: dict[tuple[type, str], Told] = {}
    for each in found:
        firsts.setdefault((type(each), each.key), each)
    return firsts.values()


def _key(key: str) -> str:
    """A key of an index has a longest."""
    plain = stored_text(key, len(key))
    return plain if len(plain) <= _KEY_MAX else hashlib.sha256(key.encode("utf-8", "replace")).hexdigest()


def _text(value: str | None, most: int) -> str | None:
    return None if value is None else stored_text(value, most)


def _payload(payload: Mapping[str, object]) -> dict[str, object]:
    """Texts, numbers and yes or no; what else a vendor's module might pass on is for nobody."""
    kept: dict[str, object] = {}
    for name, value in list(payload.items())[:_VALUES_MAX]:
        if isinstance(value, str):
            kept[stored_text(name, 100)] = stored_text(value, TEXT_MAX)
        elif value is None or isinstance(value, bool | float) or (isinstance(value, int) and abs(value) < 2**53):
            kept[stored_text(name, 100)] = value
    return kept
