"""When a verified domain whose records are gone is verified no more: pure.

Records vanish by mistake: a zone is moved to another provider, a line is deleted and put back. So a domain stays usable
for 72 hours after the first check that found something missing, and until at least three checks in a row did. Only what
DNS says for certain counts: that there is no such name or record, or another one. A time-out or SERVFAIL says nothing:
it neither counts as a miss nor ends the row of them.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

GRACE = timedelta(hours=72)
MISSES_LEAST = 3

CHECK_EVERY = timedelta(days=1)
DRIFTING_EVERY = timedelta(hours=1)
UNANSWERED_AGAIN = timedelta(minutes=30)


@dataclass(frozen=True, slots=True)
class Standing:
    """How a verified domain does: since when records are missing, and in how many checks in a row."""

    drifting_since: datetime | None = None
    misses: int = 0


def after_check(standing: Standing, holds: bool | None, now: datetime) -> Standing:
    """The standing after a check. `holds` None: DNS gave no answer."""
    if holds is None:
        return standing
    if holds:
        return Standing()
    return Standing(standing.drifting_since or now, standing.misses + 1)


def is_still_verified(standing: Standing, now: datetime) -> bool:
    """Whether mail may still come from it."""
    since = standing.drifting_since
    return since is None or standing.misses < MISSES_LEAST or now - since < GRACE


def next_check(standing: Standing, holds: bool | None) -> timedelta:
    """After how long it is looked at again."""
    if holds is None:
        return UNANSWERED_AGAIN
    return CHECK_EVERY if standing.drifting_since is None else DRIFTING_EVERY
