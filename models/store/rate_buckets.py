"""Token buckets that all senders of one limit share, on every machine."""

from sqlalchemy import text
from sqlalchemy.orm import Session

# One UPDATE refills by the time passed, up to `burst`, and takes: rows queue, so the limit is exact over processes.
_TAKE = text("""
    INSERT INTO rate_buckets AS b (name, tokens, refilled_at)
    VALUES (:name, :burst - :wanted, clock_timestamp())
    ON CONFLICT (name) DO UPDATE SET
        tokens = least(:burst, b.tokens + :per_second * extract(epoch FROM clock_timestamp() - b.refilled_at))
                 - :wanted,
        refilled_at = clock_timestamp()
    RETURNING tokens
""")


def take_tokens(session: Session, name: str, *, wanted: int, per_second: float, burst: float) -> float:
    """Take `wanted` tokens of the bucket; returns how many seconds to wait before using them (0 when they were there).

    A bucket may go into debt: whoever comes next waits longer, so the rate holds over all takers together.
    """
    left = float(
        session.execute(
            _TAKE, {"name": name, "wanted": float(wanted), "per_second": per_second, "burst": burst}
        ).scalar_one()
    )
    return max(0.0, -left / per_second)


def give_back_tokens(session: Session, name: str, tokens: int) -> None:
    """Put back tokens that were taken and not used. What the bucket has too many it loses when it is next asked."""
    session.execute(
        text("UPDATE rate_buckets SET tokens = tokens + :tokens WHERE name = :name"), {"name": name, "tokens": tokens}
    )
