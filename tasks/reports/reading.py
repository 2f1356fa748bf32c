"""From a report as it came in to what it means and what is kept of it: pure."""

from datetime import timedelta
from typing import Any

from models.rules.reported import Occurrence
from models.rules.reports import ReportKind
from models.store.engagement import PROVIDER
from models.store.events import NewEvent
from models.store.incoming_events import Incoming
from models.store.reported_messages import ReportedMessage
from tasks.reports.user_agents import reader_of

_SEEN = {ReportKind.OPENED, ReportKind.CLICKED}
_CODE_MAX = 100
# Nobody has read a mail and chosen a link in it so soon after the server took it. Scanners of mail servers follow all
# links of a mail then, also before they take it, with user agents of browsers.
_TOO_SOON = timedelta(seconds=2)


def read_report(report: Incoming, about: ReportedMessage) -> tuple[Occurrence, NewEvent]:
    """What the report says of the message it is about, and the event to keep.

    Of opens and clicks the event also says `device` and `client`, and `proxy: true` when a machine did it.
    """
    payload: dict[str, Any] = dict(report.payload)
    by_machine = False
    if report.kind in _SEEN:
        reader = reader_of(text_of(payload, "user_agent") or "")
        by_machine = payload.get("proxy") is True or reader.is_machine or _is_too_soon(report, about)
        payload |= {"proxy": True} if by_machine else {"device": reader.device, "client": reader.client}
    event = NewEvent(about.organization_id, about.run_id, about.id, report.kind.value, report.occurred_at, payload)
    return Occurrence(report.kind, report.occurred_at, _code(report.kind, payload), by_machine), event


def _is_too_soon(report: Incoming, about: ReportedMessage) -> bool:
    # Of reports of ours only: a provider leaves out what it knows to be a machine's, and its clock is another one.
    if report.provider != PROVIDER or report.kind is not ReportKind.CLICKED or about.sent_at is None:
        return False
    return report.occurred_at <= about.sent_at + _TOO_SOON


def is_hard(payload: dict[str, Any] | Any) -> bool:
    """Whether a bounce is for good."""
    return payload.get("bounce_type") == "hard"


def is_lost_for_good(event: NewEvent) -> bool:
    """Whether nobody will get the message: a hard bounce, or a number that cannot be reached (not one that is off)."""
    return event.kind == ReportKind.FAILED or (event.kind == ReportKind.BOUNCED and is_hard(event.payload))


def text_of(payload: dict[str, Any] | Any, name: str) -> str | None:
    """A text of the payload, if it is one."""
    value = payload.get(name)
    return value if isinstance(value, str) and value else None


def _code(kind: ReportKind, payload: dict[str, Any]) -> str | None:
    if kind is ReportKind.BOUNCED:
        return (text_of(payload, "code") or ("hard_bounce" if is_hard(payload) else "soft_bounce"))[:_CODE_MAX]
    return {ReportKind.FAILED: "undelivered", ReportKind.EXPIRED: "expired"}.get(kind)
