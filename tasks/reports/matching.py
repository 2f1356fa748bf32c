"""Which message each report is about.

A provider that gives our id back says it. Another names the message by its own reference, which is known when the
answer to the message is recorded; a report may overtake that, and then waits for it, for a while and in bounded number.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID

from sqlalchemy.orm import Session

from models.store.clock import database_now
from models.store.incoming_events import Incoming, count_parked
from models.store.message_references import Named, find_by_reference

# An answer is recorded within a window (seconds), or as evidence when a sender lost its lease (minutes). What no answer
# was known of has no reference: for that nothing is worth waiting for.
PARKED_MOST = timedelta(hours=1)
PARKED_PAUSE_SECONDS = 300.0
# Of one account. A vendor may report what another system sent by the same account: it must not fill the table.
PARKED_MOST_REPORTS = 100_000


@dataclass(frozen=True, slots=True)
class Matched:
    """Reports with the messages they are about; those that wait for a reference; those about nothing that is known."""

    about: list[tuple[UUID, Incoming]] = field(default_factory=list)
    parked: list[Incoming] = field(default_factory=list)
    unknown: list[Incoming] = field(default_factory=list)


def match(session: Session, reports: Sequence[Incoming]) -> Matched:
    """Find the message of each report."""
    matched = Matched()
    named: list[tuple[Incoming, Named]] = []
    for report in reports:
        if report.message_id is not None:
            matched.about.append((report.message_id, report))
        elif report.provider_ref is not None:
            named.append((report, Named(report.provider, report.provider_ref, report.recipient)))
    lost = []
    for (report, _), message_id in zip(named, find_by_reference(session, [name for _, name in named]), strict=True):
        if message_id is not None:
            matched.about.append((message_id, report))
        else:
            lost.append(report)
    _park(session, lost, matched)
    return matched


def _park(session: Session, lost: Sequence[Incoming], matched: Matched) -> None:
    if not lost:
        return
    oldest = database_now(session) - PARKED_MOST
    waiting: Counter[str] = Counter(
        count_parked(session, sorted({report.provider for report in lost}), most=PARKED_MOST_REPORTS)
    )
    for report in lost:
        if report.looks == 0:
            waiting[report.provider] += 1
        if report.received_at < oldest or (report.looks == 0 and waiting[report.provider] > PARKED_MOST_REPORTS):
            matched.unknown.append(report)
        else:
            matched.parked.append(report)
