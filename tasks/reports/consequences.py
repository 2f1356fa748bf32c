"""What reports mean for the recipient: suppressions, and soft bounces in a row. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from models.rules.reports import ReportKind
from models.store.events import NewEvent
from models.store.suppressing import Attempt, Recipient, weightier
from tasks.reports.reading import is_hard
from tasks.reports.tallies import Change


@dataclass(frozen=True, slots=True)
class Consequences:
    """Who is suppressed for good and why; which messages bounced softly, and which got there."""

    suppressed: dict[Recipient, str] = field(default_factory=dict)
    soft_bounces: list[Attempt] = field(default_factory=list)
    delivered: list[Attempt] = field(default_factory=list)


def consequences_of(changes: Iterable[Change], events: Sequence[NewEvent]) -> Consequences:
    """What the events of the changed messages lead to. A soft bounce of a message that got there after all is none."""
    consequences = Consequences()
    by_id = {change.message.id: change for change in changes}
    for change in by_id.values():
        if change.after.delivered_at is not None and change.message.channel == "email":
            consequences.delivered.append(_attempt(change, change.after.delivered_at))
    for event in events:
        change = by_id[event.message_id]
        message = change.message
        reason = _reason(event, message.channel)
        if reason == "soft_bounce":
            if change.after.delivered_at is None:
                consequences.soft_bounces.append(_attempt(change, event.occurred_at))
        elif reason is not None:
            recipient = (message.organization_id, message.channel, message.recipient)
            consequences.suppressed[recipient] = weightier(consequences.suppressed.get(recipient), reason)
    return consequences


def _attempt(change: Change, at: datetime) -> Attempt:
    return Attempt(change.message.organization_id, change.message.recipient, change.message.id, at)


def _reason(event: NewEvent, channel: str) -> str | None:
    kind = ReportKind(event.kind)
    if kind is ReportKind.BOUNCED and channel == "email":
        return "hard_bounce" if is_hard(event.payload) else "soft_bounce"
    if event.payload.get("suppressed") is True:  # it was, when they asked for it; they may have come back since
        return None
    return {ReportKind.COMPLAINED: "complaint", ReportKind.UNSUBSCRIBED: "unsubscribed"}.get(kind)
