"""What providers report about messages they took: the vocabulary, and one report that is known beforehand."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class ReportKind(StrEnum):
    """What is reported about a message. `failed` and `expired` are of SMS: undelivered, and too late."""

    DELIVERED = "delivered"
    OPENED = "opened"
    CLICKED = "clicked"
    BOUNCED = "bounced"
    COMPLAINED = "complained"
    UNSUBSCRIBED = "unsubscribed"
    FAILED = "failed"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class Report:
    """A report that a provider knows of when it takes the message; it comes in `after_seconds`.

    `payload` is what there is to say about it, as JSON: `bounce_type` (hard, soft), `code` and `reason` of a bounce,
    `user_agent`, `ip`, `url`, and `proxy: true` for what a machine did and nobody saw.
    """

    kind: ReportKind
    after_seconds: float = 0.0
    payload: Mapping[str, object] = field(default_factory=dict)
