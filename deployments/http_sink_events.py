"""Parts of events that vendors of email tell, each in its own words."""

import hashlib
from collections.abc import Sequence

import orjson

from tasks.providers.callbacks import InboundSms, ProviderEvent


def of_messages(events: Sequence[ProviderEvent | InboundSms]) -> list[ProviderEvent]:
    """Those that are about messages that were sent."""
    return [event for event in events if isinstance(event, ProviderEvent)]


def fingerprint(event: ProviderEvent) -> str:
    """64 hexadecimal digits, the same whenever the same event is told: what a vendor's ids are made of."""
    parts = (event.kind, event.message_id, event.provider_ref, event.recipient, event.occurred_at, dict(event.payload))
    return hashlib.sha256(orjson.dumps(parts)).hexdigest()


def said(event: ProviderEvent, name: str, otherwise: str = "") -> str:
    """A text of the payload."""
    value = event.payload.get(name)
    return value if isinstance(value, str) else otherwise


def is_hard(event: ProviderEvent) -> bool:
    """Whether a bounce is for good."""
    return event.payload.get("bounce_type") == "hard"
