"""Keeping a lease, on a connection of its own: renewing must not wait behind a window's writes."""

from collections.abc import Sequence

import psycopg

from models.store.chunks import Lease


def renew(connection: psycopg.Connection, leases: Sequence[Lease], lease_seconds: float) -> list[Lease]:
    """Renew the leases that are still these; returns those that were. Raises psycopg's errors when Postgres is away."""
    rows = connection.execute(
        """
        UPDATE chunks c SET lease_until = now() + make_interval(secs => %s)
        FROM unnest(%s::uuid[], %s::int[], %s::int[]) AS l (run_id, no, fence)
        WHERE c.run_id = l.run_id AND c.no = l.no AND c.fence = l.fence AND c.state = 'leased'
        RETURNING c.run_id, c.no
        """,
        [lease_seconds, [x.run_id for x in leases], [x.no for x in leases], [x.fence for x in leases]],
    )
    renewed = set(rows)
    return [lease for lease in leases if (lease.run_id, lease.no) in renewed]
