"""Token buckets that all senders of one limit share, on every machine.

Exact over processes, since takers queue for the bucket's row: best each statement is a transaction of its own
(`Database.autocommit`), which lets go of the row before it comes back to a process that may not have a processor.
Clocks are the database's.
"""

from collections.abc import Mapping
from uuid import UUID

from sqlalchemy import Connection, text
from sqlalchemy.orm import Session

from models.rules.rate_limits import Limit, in_order

_SINGLES = UUID(int=0)  # who waits for tokens of single messages: before all runs

_REFILL = text("""
    INSERT INTO rate_buckets AS b (name, tokens, refilled_at)
    VALUES (:name, :burst - :wanted, clock_timestamp())
    ON CONFLICT (name) DO UPDATE SET
        tokens = least(:burst, b.tokens
                               + :per_second * greatest(0, extract(epoch FROM clock_timestamp() - b.refilled_at)))
                 - :wanted,
        refilled_at = clock_timestamp()
    RETURNING tokens
""")


def take_in_debt(within: Connection | Session, limit: Limit, wanted: int) -> float:
    """Take `wanted` tokens of the bucket; returns how many seconds to wait before using them (0 when they were there).

    A bucket may go into debt: whoever comes next waits longer, so the rate holds over all takers together.
    """
    return max(0.0, -_refill(within, limit, wanted) / limit.per_second)


_TAKE_SOME = text("""
    WITH found AS (
        SELECT least(:burst, tokens + :per_second * greatest(0, extract(epoch FROM clock_timestamp() - refilled_at)))
               AS there
        FROM rate_buckets WHERE name = :name FOR UPDATE
    ), taken AS (
        SELECT there, least(:wanted, greatest(0, floor(there + 1e-6))) AS granted FROM found
    )
    UPDATE rate_buckets SET tokens = there - granted, refilled_at = clock_timestamp() FROM taken WHERE name = :name
    RETURNING granted
""")


def take_what_is_there(within: Connection | Session, limit: Limit, wanted: int) -> int:
    """Take at most `wanted` tokens, as many as are in the bucket; returns how many."""
    values = {"name": limit.name, "wanted": float(wanted), "per_second": limit.per_second, "burst": limit.burst}
    taken = within.execute(_TAKE_SOME, values).scalar_one_or_none()
    if taken is None:  # nobody took of it before
        _refill(within, limit, 0)
        taken = within.execute(_TAKE_SOME, values).scalar_one()
    return int(taken)


_LOOK = text("""
    SELECT least(:burst, tokens + :per_second * greatest(0, extract(epoch FROM clock_timestamp() - refilled_at)))
    FROM rate_buckets WHERE name = :name
""")


def look(within: Connection | Session, limit: Limit) -> float:
    """What is in the bucket, less than 0 if it is in debt; others may take of it at once."""
    values = {"name": limit.name, "per_second": limit.per_second, "burst": limit.burst}
    found = within.execute(_LOOK, values).scalar_one_or_none()
    return limit.burst if found is None else float(found)


def _refill(within: Connection | Session, limit: Limit, wanted: int) -> float:
    values = {"name": limit.name, "wanted": float(wanted), "per_second": limit.per_second, "burst": limit.burst}
    return float(within.execute(_REFILL, values).scalar_one())


_TAKE = text("""
    SELECT take_tokens(:names, CAST(:wanted AS float8[]), CAST(:rates AS float8[]), CAST(:shared AS boolean[]),
                       :run, :organization)
""")


def take_for_run(
    within: Connection | Session, wanted: Mapping[Limit, int], run_id: UUID, organization_id: UUID
) -> float:
    """Take tokens of all these buckets, for one window of a run; one statement.

    Returns 0 when they were taken. Else nothing was, and it pays to ask again after so many seconds, one at most. Runs
    that share a bucket take turns, as the function take_tokens (migration 0014) describes.
    """
    limits = in_order(wanted)
    return float(
        within.execute(
            _TAKE,
            {
                "names": [limit.name for limit in limits],
                "wanted": [float(wanted[limit]) for limit in limits],
                "rates": [limit.per_second for limit in limits],
                "shared": [limit.is_shared for limit in limits],
                "run": run_id,
                "organization": organization_id,
            },
        ).scalar_one()
    )


def stop_waiting(within: Connection | Session, run_id: UUID) -> None:
    """The run wants nothing for now: others need not let it pass."""
    within.execute(
        text("UPDATE rate_turns SET waits_until = NULL WHERE run_id = :run AND waits_until IS NOT NULL"),
        {"run": run_id},
    )


def wait_first(within: Connection | Session, limit: Limit, seconds: float) -> None:
    """Single messages wait for a token, for so long: runs let them pass."""
    within.execute(
        text("""
            INSERT INTO rate_turns AS t (bucket, run_id, organization_id, served, wanted, waits_until)
            VALUES (:bucket, :nobody, :nobody, '-Infinity', 1, clock_timestamp() + make_interval(secs => :seconds))
            ON CONFLICT (bucket, run_id) DO UPDATE
            SET waits_until = greatest(t.waits_until, excluded.waits_until), seen_at = excluded.seen_at
        """),
        {"bucket": limit.name, "nobody": _SINGLES, "seconds": seconds},
    )


def give_back_tokens(within: Connection | Session, tokens: Mapping[Limit, int]) -> None:
    """Put back tokens that were taken and not used. What the bucket has too many it loses when it is next asked."""
    for limit in in_order(limit for limit, count in tokens.items() if count):
        within.execute(
            text("UPDATE rate_buckets SET tokens = tokens + :tokens WHERE name = :name"),
            {"name": limit.name, "tokens": tokens[limit]},
        )


_FORGET = text("""
    WITH turns AS (
        DELETE FROM rate_turns WHERE (bucket, run_id) IN (
            SELECT bucket, run_id FROM rate_turns WHERE seen_at < now() - interval '1 hour' LIMIT :limit)
        RETURNING 1
    ), buckets AS (
        DELETE FROM rate_buckets WHERE name IN (
            SELECT name FROM rate_buckets WHERE refilled_at < now() - interval '7 days' LIMIT :limit
            FOR UPDATE SKIP LOCKED)
        RETURNING 1
    )
    SELECT greatest((SELECT count(*) FROM turns), (SELECT count(*) FROM buckets))
""")


def forget_unused(within: Connection | Session, *, limit: int) -> int:
    """Remove buckets and turns that nobody asked for in a long time, at most `limit` of each; returns how many.

    A bucket that is missing is a full one, which this is by then.
    """
    return int(within.execute(_FORGET, {"limit": limit}).scalar_one())
