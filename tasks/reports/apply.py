"""Apply what providers reported: each report once, in any order, many in one transaction.

Any number may apply at once. Each takes its locks in the same order, so that none waits for one who waits for it: runs,
chunks, messages, keys and counts of engagement, each by id; then what follows from reports, one applier at a time.
"""

import logging
import time
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from datetime import timedelta
from uuid import UUID

from sqlalchemy.orm import Session

from models.rules.callbacks import Dropped
from models.rules.reported import Facts, Occurrence, learn
from models.session import Database
from models.store import incoming_events, reported_messages
from models.store.clock import database_now
from models.store.events import NewEvent, add_events, read_opens_and_clicks
from models.store.incoming_events import Incoming
from models.store.reported_messages import ReportedMessage
from models.store.rollups import count_by_day, count_by_run, count_clients, count_links
from models.store.suppressing import follow_soft_bounces, suppress_alone, suppress_reported
from tasks.reports.consequences import Consequences, consequences_of
from tasks.reports.engagement import Engagement, engagement_of
from tasks.reports.matching import PARKED_PAUSE_SECONDS, match
from tasks.reports.reading import is_lost_for_good, read_report
from tasks.reports.tallies import Change, tally_by_day, tally_by_run
from tasks.webhooks.telling import tell_reports

log = logging.getLogger(__name__)

BATCH = 2000
# A report may overtake the answer to the message it is about: that is written within a window, or at the latest
# when somebody takes over from a sender that died.
_EARLY_SECONDS = 2.0
_EARLY_MOST = timedelta(hours=25)  # a message is tried for a day


def apply_due(database: Database, *, seconds: float = 0.5, limit: int = BATCH) -> int:
    """Apply reports that are due, batch by batch, for about so long; returns how many were looked at."""
    begun = time.monotonic()
    total = 0
    while True:
        with database.transaction(None) as session:
            taken = apply_batch(session, limit=limit)
        total += taken
        if taken < limit or time.monotonic() - begun > seconds:
            return total


def apply_batch(session: Session, *, limit: int = BATCH) -> int:
    """Apply at most `limit` due reports in the session's transaction; returns how many were looked at."""
    due = incoming_events.take_due(session, limit=limit)
    if not due:
        return 0
    matched = match(session, due)
    messages, unsettled = reported_messages.lock_messages(session, [about for about, _ in matched.about])
    patience = database_now(session) - _EARLY_MOST
    early: list[UUID] = []
    known: list[tuple[UUID, Incoming]] = []
    dropped = Counter((report.provider, Dropped.UNMATCHED) for report in matched.unknown)
    for about, report in matched.about:
        message = messages.get(about)
        if message is not None and report.organization_id in (None, message.organization_id):
            known.append((about, report))
        elif about in unsettled and max(report.occurred_at, report.received_at) > patience:
            early.append(report.id)
        else:
            dropped[report.provider, Dropped.UNMATCHED if message is None else Dropped.FOREIGN] += 1
    if dropped:
        log.warning("%s reports are about no message there is, or that is theirs; they are dropped.", dropped.total())
    kept = incoming_events.keep_new(session, [report for _, report in known])
    dropped.update((report.provider, Dropped.REPEATED) for _, report in known if report.id not in kept)
    _apply(session, [(about, report) for about, report in known if report.id in kept], messages)
    waiting = {*early, *(report.id for report in matched.parked)}
    incoming_events.settle(
        session,
        done=[report.id for report in due if report.id not in waiting],
        early=early,
        again_in_seconds=_EARLY_SECONDS,
    )
    incoming_events.put_off(session, [report.id for report in matched.parked], at_most_seconds=PARKED_PAUSE_SECONDS)
    incoming_events.count_dropped(session, dropped)
    return len(due)


def _apply(
    session: Session, reports: Sequence[tuple[UUID, Incoming]], messages: Mapping[UUID, ReportedMessage]
) -> None:
    by_message: dict[UUID, list[tuple[Occurrence, NewEvent]]] = defaultdict(list)
    for about, report in reports:
        by_message[about].append(read_report(report, messages[about]))
    changes = [
        Change(messages[id_], learn(messages[id_].facts, [occurrence for occurrence, _ in read]))
        for id_, read in by_message.items()
    ]
    new = [event for read in by_message.values() for _, event in read]
    _count_engagement(session, [change for change in changes if change.counts], new)
    add_events(session, new)
    changed: dict[UUID, Facts] = {each.message.id: each.after for each in changes if each.after != each.message.facts}
    reported_messages.write_facts(session, changed)
    reported_messages.settle_uncertain(session, [each.message for each in changes if each.was_uncertain])
    _follow(session, consequences_of(changes, new))
    count_by_run(session, tally_by_run(changes, {event.message_id for event in new if is_lost_for_good(event)}))
    count_by_day(session, tally_by_day(changes))
    tell_reports(session, changes, new)


def _count_engagement(session: Session, changes: Sequence[Change], new: Sequence[NewEvent]) -> None:
    """Count links and clients, of messages of runs; what was known before tells what is a first time."""
    of_runs = {change.message.id for change in changes if change.message.run_id is not None}
    events = [event for event in new if event.message_id in of_runs and event.kind in {"opened", "clicked"}]
    if not events:
        return
    before = read_opens_and_clicks(session, sorted({event.message_id for event in events}))
    engagement: Engagement = engagement_of(before, events)
    count_links(session, engagement.links)
    count_clients(session, engagement.clients)


def _follow(session: Session, consequences: Consequences) -> None:
    suppress_alone(session)
    follow_soft_bounces(session, consequences.soft_bounces, consequences.delivered)
    suppress_reported(session, consequences.suppressed)
