"""Reports that came in and are not applied yet: parked by whoever gets them, taken by the courier."""

import json
from collections.abc import Sequence
from uuid import UUID

from sqlalchemy.orm import Session

from models.rules.ids import new_id
from models.session import driver
from models.store.messages import Result

_PARK = """
INSERT INTO incoming_events (id, organization_id, provider, key, message_id, kind, occurred_at, due_at, payload)
SELECT id, %(organization)s, %(provider)s, key, message_id, kind, now() + make_interval(secs => seconds),
       now() + make_interval(secs => seconds), payload::jsonb
FROM unnest(%(ids)s::uuid[], %(keys)s::text[], %(messages)s::uuid[], %(kinds)s::text[], %(seconds)s::float8[],
            %(payloads)s::text[]) AS r (id, key, message_id, kind, seconds, payload)
"""


def park_reports(session: Session, organization_id: UUID, provider: str, results: Sequence[Result]) -> None:
    """Keep what the provider already knows it will report of these messages, until it is due.

    In the transaction that records the results. A second recording of the same message parks the same keys, which
    count once.
    """
    parked = [(result.id, no, report) for result in results for no, report in enumerate(result.reports)]
    if not parked:
        return
    driver(session).execute(
        _PARK,
        {
            "organization": organization_id,
            "provider": provider,
            "ids": [new_id() for _ in parked],
            "keys": [f"{message}:{no}" for message, no, _ in parked],
            "messages": [message for message, _, _ in parked],
            "kinds": [report.kind.value for _, _, report in parked],
            "seconds": [report.after_seconds for _, _, report in parked],
            "payloads": [json.dumps(dict(report.payload)) for _, _, report in parked],
        },
    )
