"""Which runs are paced: so slow that a process of their own would mostly wait."""

PACED_BELOW = 600
"""Messages a minute. A run with a lower rate is sent by the courier's pacer, which serves all such runs in one process;
from this rate on a run has senders of its own: ten messages and more a second keep one busy."""

_PAGE_SECONDS = 30


def is_paced(per_minute: int | None) -> bool:
    """Whether a run with this rate (None: no limit) is sent by the pacer."""
    return per_minute is not None and per_minute < PACED_BELOW


def page_size(per_minute: int | None) -> int | None:
    """How many messages of a run are read at a time (None: a whole chunk): of a paced one half a minute of its rate.

    Hundreds of runs at once hold the messages of half a minute, not a chunk of 5,000 each.
    """
    if per_minute is None or not is_paced(per_minute):
        return None
    return max(1, per_minute * _PAGE_SECONDS // 60)
