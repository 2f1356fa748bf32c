"""What a message's reports come to, whatever their order and however often they come: pure.

The law is that of sets: each fact is the first occurrence of something, so a report that comes late, early or twice
changes nothing else; the state follows from the facts alone (docs/api/rules.md, Email).
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from models.rules.lifecycle import MessageState
from models.rules.reports import ReportKind

# What is counted of reports, each message once: the names of counters, and with `_at` those of a message's columns.
COUNTED = ("delivered", "opened", "clicked", "bounced", "complained", "unsubscribed")

# What no provider has. A report about it is kept, and changes nothing: it was refunded.
_NOT_SENT = {MessageState.FAILED, MessageState.SUPPRESSED, MessageState.CANCELLED}
_LOST = {ReportKind.BOUNCED, ReportKind.FAILED, ReportKind.EXPIRED}
# Who did this has the message.
_PROVE_DELIVERY = {
    ReportKind.DELIVERED,
    ReportKind.OPENED,
    ReportKind.CLICKED,
    ReportKind.COMPLAINED,
    ReportKind.UNSUBSCRIBED,
}


@dataclass(frozen=True, slots=True)
class Occurrence:
    """One report: what, when, the code of a delivery that failed; `by_machine` what nobody saw (proxies, scanners)."""

    kind: ReportKind
    occurred_at: datetime
    code: str | None = None
    by_machine: bool = False


@dataclass(frozen=True, slots=True)
class Facts:
    """A message's state, the first occurrence of each thing reported, and why its delivery failed."""

    state: MessageState
    delivered_at: datetime | None = None
    opened_at: datetime | None = None
    clicked_at: datetime | None = None
    bounced_at: datetime | None = None
    complained_at: datetime | None = None
    unsubscribed_at: datetime | None = None
    error_code: str | None = None

    def has(self, name: str) -> bool:
        """Whether one of COUNTED is among the facts."""
        return getattr(self, f"{name}_at") is not None


def counts_of(state: MessageState) -> bool:
    """Whether reports change a message in this state, and are counted."""
    return state not in _NOT_SENT


def learn(facts: Facts, occurrences: Iterable[Occurrence]) -> Facts:
    """The facts with these reports added. A message of no provider (failed, suppressed, cancelled) stays as it is."""
    if not counts_of(facts.state):
        return facts
    # A message about which anything is reported was accepted, so uncertainty ends with the first report.
    if facts.state is MessageState.UNCERTAIN:
        facts = replace(facts, state=MessageState.ACCEPTED, error_code=None)
    for occurrence in occurrences:
        facts = _add(facts, occurrence)
    return replace(facts, state=_state(facts))


def _add(facts: Facts, occurrence: Occurrence) -> Facts:
    kind, at = occurrence.kind, occurrence.occurred_at
    if occurrence.by_machine:
        return facts
    if kind in _LOST:
        first = (facts.bounced_at, facts.error_code or "") if facts.bounced_at else None
        this = (at, occurrence.code or "")
        if first is not None and first <= this:
            return facts
        return replace(facts, bounced_at=at, error_code=occurrence.code)
    changed: dict[str, datetime] = {}
    if kind in _PROVE_DELIVERY:
        changed["delivered_at"] = _first(facts.delivered_at, at)
    if kind in {ReportKind.OPENED, ReportKind.CLICKED}:  # a click without an open is one with images switched off
        changed["opened_at"] = _first(facts.opened_at, at)
    if kind is not ReportKind.DELIVERED:
        column = f"{kind.value}_at"
        changed[column] = _first(getattr(facts, column), at)
    return replace(facts, **changed)  # type: ignore[arg-type]


def _first(known: datetime | None, at: datetime) -> datetime:
    return at if known is None else min(known, at)


def _state(facts: Facts) -> MessageState:
    if facts.complained_at is not None:
        return MessageState.COMPLAINED
    if facts.bounced_at is not None:
        return MessageState.BOUNCED
    if facts.clicked_at is not None:
        return MessageState.CLICKED
    if facts.opened_at is not None:
        return MessageState.OPENED
    return MessageState.ACCEPTED if facts.delivered_at is None else MessageState.DELIVERED
