"""A vendor that exists in tests only: it signs its callbacks as most do, by an HMAC over time and body."""

import hashlib
import hmac
from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import UUID

import orjson

from models.rules.reports import ReportKind
from tasks.providers.callbacks import (
    TOLERANCE_SECONDS,
    Callback,
    ForgedCallback,
    InboundSms,
    ProviderEvent,
    StaleCallback,
    UnreadableCallback,
)

CHANNEL = "email"
CAPABILITIES = None


def sign(body: bytes, at: int, key: str) -> dict[str, str]:
    """The headers of a signed request."""
    return {"X-Time": str(at), "X-Signature": hmac.digest(key.encode(), b"%d." % at + body, "sha256").hex()}


def read_callback(callback: Callback, keys: Sequence[str]) -> list[ProviderEvent | InboundSms]:
    """See ReadsCallbacks."""
    signature, at = callback.headers.get("x-signature", ""), callback.headers.get("x-time", "")
    if not at.isascii() or not at.isdigit():
        raise ForgedCallback
    signed = at.encode() + b"." + callback.body
    if not any(hmac.compare_digest(hmac.new(k.encode(), signed, hashlib.sha256).hexdigest(), signature) for k in keys):
        raise ForgedCallback
    if abs(callback.received_at.timestamp() - int(at)) > TOLERANCE_SECONDS:
        raise StaleCallback
    try:
        return [_event(each) for each in orjson.loads(callback.body)]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UnreadableCallback(f"No array of events: {error}") from None


def _event(each: dict[str, object]) -> ProviderEvent | InboundSms:
    at = datetime.fromtimestamp(float(str(each["at"])), UTC)
    if each["kind"] == "inbound":
        return InboundSms(str(each["key"]), at, str(each["from"]), str(each["to"]), str(each["text"]))
    return ProviderEvent(
        str(each["key"]),
        ReportKind(str(each["kind"])),
        at,
        message_id=UUID(str(each["id"])) if "id" in each else None,
        provider_ref=str(each["ref"]) if "ref" in each else None,
        recipient=str(each["to"]) if "to" in each else None,
        payload=each.get("payload", {}),  # type: ignore[arg-type]
    )
