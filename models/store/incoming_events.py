"""Reports that came in and are not applied yet: parked by whoever gets them, taken by the courier."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from models.rules.callbacks import Dropped
from models.rules.ids import new_id
from models.rules.reports import ReportKind
from models.session import driver
from models.store.messages import Result

_EXPECT = """
INSERT INTO incoming_events (id, organization_id, provider, key, message_id, kind, occurred_at, due_at, payload)
SELECT id, %(organization)s, provider, key, message_id, kind, now() + make_interval(secs => seconds),
       now() + make_interval(secs => seconds), payload::jsonb
FROM unnest(%(ids)s::uuid[], %(keys)s::text[], %(messages)s::uuid[], %(kinds)s::text[], %(seconds)s::float8[],
            %(payloads)s::text[], %(providers)s::text[]) AS r (id, key, message_id, kind, seconds, payload, provider)
"""


def park_reports(session: Session, organization_id: UUID, provider: str, results: Sequence[Result]) -> None:
    """Keep what the provider already knows it will report of these messages, until it is due.

    In the transaction that records the results. A second recording of the same message parks the same keys, which
    count once.
    """
    parked = [(result, no, report) for result in results for no, report in enumerate(result.reports)]
    if not parked:
        return
    driver(session).execute(
        _EXPECT,
        {
            "organization": organization_id,
            "providers": [result.provider or provider for result, _, _ in parked],
            "ids": [new_id() for _ in parked],
            "keys": [f"{result.id}:{no}" for result, no, _ in parked],
            "messages": [result.id for result, _, _ in parked],
            "kinds": [report.kind.value for _, _, report in parked],
            "seconds": [report.after_seconds for _, _, report in parked],
            "payloads": [json.dumps(dict(report.payload)) for _, _, report in parked],
        },
    )


@dataclass(frozen=True, slots=True)
class Incoming:
    """A report that is due. `organization_id`: whose messages it may be about; None: anybody's. Of `message_id` and
    `provider_ref` one at least is there. `looks`: how often nothing was found under the reference."""

    id: UUID
    organization_id: UUID | None
    provider: str
    key: str
    message_id: UUID | None
    provider_ref: str | None
    recipient: str | None
    kind: ReportKind
    occurred_at: datetime
    received_at: datetime
    looks: int
    payload: dict[str, Any]


_DUE = """
SELECT id, organization_id, provider, key, message_id, provider_ref, recipient, kind, occurred_at, received_at, looks,
       payload
FROM incoming_events WHERE due_at <= now() ORDER BY due_at LIMIT %s FOR UPDATE SKIP LOCKED
"""


def take_due(session: Session, *, limit: int) -> list[Incoming]:
    """Reports that are due, the longest waiting first, locked; others take others. End with `settle`."""
    rows = driver(session).execute(_DUE, [limit])
    return [
        Incoming(id_, organization, provider, key, message, ref, recipient, ReportKind(kind), at, came, looks, payload)
        for id_, organization, provider, key, message, ref, recipient, kind, at, came, looks, payload in rows
    ]


def settle(session: Session, *, done: Sequence[UUID], early: Sequence[UUID], again_in_seconds: float) -> None:
    """Remove what is done; look at the others again a little later."""
    driver(session).execute("DELETE FROM incoming_events WHERE id = ANY(%s)", [list(done)])
    if early:
        driver(session).execute(
            "UPDATE incoming_events SET due_at = now() + make_interval(secs => %s) WHERE id = ANY(%s)",
            [again_in_seconds, list(early)],
        )


_PARK = """
UPDATE incoming_events SET due_at = now() + make_interval(secs => least(2 ^ looks, %s)), looks = looks + 1
WHERE id = ANY(%s)
"""
_PARKED = """
SELECT p.provider, (SELECT count(*) FROM (
    SELECT FROM incoming_events i WHERE i.provider = p.provider AND i.looks > 0 LIMIT %s) AS i)
FROM unnest(%s::text[]) AS p (provider)
"""


def put_off(session: Session, ids: Sequence[UUID], *, at_most_seconds: float) -> None:
    """Look under these reports' references again later, each time after twice as long."""
    if ids:
        driver(session).execute(_PARK, [at_most_seconds, list(ids)])


def count_parked(session: Session, providers: Sequence[str], *, most: int) -> dict[str, int]:
    """How many reports of each provider wait for a reference that is not known; counted up to `most`."""
    return dict(driver(session).execute(_PARKED, [most, list(providers)]).fetchall())


_COUNT = """
INSERT INTO report_counts AS c (provider, outcome, events)
SELECT * FROM unnest(%s::text[], %s::text[], %s::bigint[]) ORDER BY 1, 2
ON CONFLICT (provider, outcome) DO UPDATE SET events = c.events + excluded.events
"""


def count_dropped(session: Session, counts: Mapping[tuple[str, Dropped], int]) -> None:
    """Count reports that came to nothing, by provider and why. The last of a transaction: others wait for its end."""
    if counts:
        providers, reasons = [provider for provider, _ in counts], [reason.value for _, reason in counts]
        driver(session).execute(_COUNT, [providers, reasons, list(counts.values())])


_NEW_KEYS = """
INSERT INTO event_keys (provider, key)
SELECT provider, key FROM unnest(%s::text[], %s::text[]) AS k (provider, key) ORDER BY provider, key
ON CONFLICT DO NOTHING RETURNING provider, key
"""


def keep_new(session: Session, reports: Sequence[Incoming]) -> set[UUID]:
    """The ids of those that never came before, by the provider's key; of several under one key, the first's."""
    rows = driver(session).execute(_NEW_KEYS, [[each.provider for each in reports], [each.key for each in reports]])
    fresh = set(rows.fetchall())
    kept = set()
    for report in reports:
        if (report.provider, report.key) in fresh:
            fresh.remove((report.provider, report.key))
            kept.add(report.id)
    return kept


def forget_old_keys(session: Session, *, days: int, limit: int) -> int:
    """Remove keys of reports that came so long ago that no provider repeats them; at most `limit`, returns how many."""
    return (
        driver(session)
        .execute(
            """
        DELETE FROM event_keys WHERE (provider, key) IN (
            SELECT provider, key FROM event_keys WHERE made_at < now() - make_interval(days => %s) LIMIT %s)
        """,
            [days, limit],
        )
        .rowcount
    )
