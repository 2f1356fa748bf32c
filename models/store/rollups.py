"""Counts kept beside what they count, so that nobody scans messages for them.

Several senders count at once. A row for each of 16 shards keeps them from queueing for one another; which shard it is
follows from the connection. See docs/decisions/0014-rollups.md.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from uuid import UUID

from sqlalchemy.orm import Session

from models.rules.reported import COUNTED
from models.session import driver

_DAY_COLUMNS = ("sent", *COUNTED)

_SENT = """
INSERT INTO daily_counts (organization_id, channel, day, shard, sent)
VALUES (%s, %s, (now() AT TIME ZONE 'UTC')::date, pg_backend_pid() %% 16, %s)
ON CONFLICT (organization_id, channel, day, shard) DO UPDATE SET sent = daily_counts.sent + excluded.sent
"""


def count_sent(session: Session, organization_id: UUID, channel: str, accepted: int) -> None:
    """Count messages that a provider accepted: today's, as their `sent_at` is now() of the same transaction."""
    if accepted:
        driver(session).execute(_SENT, [organization_id, channel, accepted])


_DAILY = """
INSERT INTO daily_counts AS c (organization_id, channel, day, shard, sent, delivered, opened, clicked, bounced,
                               complained, unsubscribed)
SELECT organization_id, channel, day, 16 + pg_backend_pid() %% 16, sent, delivered, opened, clicked, bounced,
       complained, unsubscribed
FROM unnest(%s::uuid[], %s::text[], %s::date[], %s::int[], %s::int[], %s::int[], %s::int[], %s::int[], %s::int[],
            %s::int[])
     AS d (organization_id, channel, day, sent, delivered, opened, clicked, bounced, complained, unsubscribed)
ON CONFLICT (organization_id, channel, day, shard) DO UPDATE
SET sent = c.sent + excluded.sent, delivered = c.delivered + excluded.delivered, opened = c.opened + excluded.opened,
    clicked = c.clicked + excluded.clicked, bounced = c.bounced + excluded.bounced,
    complained = c.complained + excluded.complained, unsubscribed = c.unsubscribed + excluded.unsubscribed
"""


def count_by_day(session: Session, tallies: Mapping[tuple[UUID, str, date], Mapping[str, int]]) -> None:
    """Add to the counts of (organization, channel, day sent): `sent` and the names of COUNTED."""
    rows = sorted(tallies.items(), key=lambda item: item[0])  # one order for all who count
    if rows:
        keys = [[key[no] for key, _ in rows] for no in range(3)]
        driver(session).execute(_DAILY, [*keys, *_columns(_DAY_COLUMNS, [tally for _, tally in rows])])


_RUNS = """
UPDATE runs r
SET total_delivered = total_delivered + delivered, total_opened = total_opened + opened,
    total_clicked = total_clicked + clicked, total_bounced = total_bounced + bounced,
    total_complained = total_complained + complained, total_unsubscribed = total_unsubscribed + unsubscribed,
    total_hard_bounced = total_hard_bounced + hard_bounced
FROM unnest(%s::uuid[], %s::int[], %s::int[], %s::int[], %s::int[], %s::int[], %s::int[], %s::int[])
     AS d (run_id, delivered, opened, clicked, bounced, complained, unsubscribed, hard_bounced)
WHERE r.id = d.run_id
"""


def count_by_run(session: Session, tallies: Mapping[UUID, Mapping[str, int]]) -> None:
    """Add to the totals of runs, which are locked, by the names of COUNTED and `hard_bounced`."""
    if tallies:
        ids = sorted(tallies)
        driver(session).execute(_RUNS, [ids, *_columns((*COUNTED, "hard_bounced"), [tallies[id_] for id_ in ids])])


def _columns(names: Sequence[str], tallies: Sequence[Mapping[str, int]]) -> list[list[int]]:
    return [[tally.get(name, 0) for tally in tallies] for name in names]


_LINKS = """
INSERT INTO run_links (run_id, hash, organization_id, url, clicks, messages)
SELECT run_id, sha256(convert_to(url, 'UTF8')), organization_id, url, clicks, messages
FROM unnest(%s::uuid[], %s::uuid[], %s::text[], %s::int[], %s::int[])
     AS l (run_id, organization_id, url, clicks, messages)
ON CONFLICT (run_id, hash) DO UPDATE
SET clicks = run_links.clicks + excluded.clicks, messages = run_links.messages + excluded.messages
"""


def count_links(session: Session, clicks: Mapping[tuple[UUID, UUID, str], tuple[int, int]]) -> None:
    """Add clicks: of (run, organization, URL) how many, and in how many messages for the first time."""
    rows = sorted(clicks.items())
    if rows:
        keys = [[key[no] for key, _ in rows] for no in range(3)]
        driver(session).execute(_LINKS, [*keys, [counts[0] for _, counts in rows], [counts[1] for _, counts in rows]])


_CLIENTS = """
INSERT INTO run_clients (run_id, organization_id, device, client, messages)
SELECT * FROM unnest(%s::uuid[], %s::uuid[], %s::text[], %s::text[], %s::int[])
ON CONFLICT (run_id, device, client) DO UPDATE SET messages = run_clients.messages + excluded.messages
"""


def count_clients(session: Session, opens: Mapping[tuple[UUID, UUID, str, str], int]) -> None:
    """Add messages whose first open was there: of (run, organization, device, client); negative for an earlier one."""
    rows = sorted((key, count) for key, count in opens.items() if count)
    if rows:
        keys = [[key[no] for key, _ in rows] for no in range(4)]
        driver(session).execute(_CLIENTS, [*keys, [count for _, count in rows]])
