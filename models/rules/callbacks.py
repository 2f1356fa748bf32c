"""What is believed of a provider's callback, whoever sent it: names, times, sizes."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum

#: How long callbacks, references and keys of events are kept: providers repeat an event for days, not for weeks.
KEPT_DAYS = 35
#: Of one request. SendGrid posts an array about every 768 kB, the largest of the vendors.
CALLBACK_BYTES_MAX = 2 * 1024 * 1024
EVENTS_MAX = 10_000
TEXT_MAX = 1000
#: Reports are applied within a second or two; what waits for so long says that nobody does, or not fast enough.
BACKLOG_SECONDS = 60.0
_LONGEST_AGO = timedelta(days=KEPT_DAYS)


class Dropped(StrEnum):
    """Why an event came to nothing."""

    REPEATED = "repeated"  # it came before
    UNMATCHED = "unmatched"  # about no message that there is
    FOREIGN = "foreign"  # an organization's account said it of another organization's message


def believable_time(said: datetime, received_at: datetime) -> datetime:
    """When it happened, as far as that can be: not after it was received, and not before a message of which reports are
    still taken was sent. Clocks of providers go wrong, and an event of the year 2100 would be the latest for ever."""
    return max(min(said, received_at), received_at - _LONGEST_AGO)


Gauges = Sequence[tuple[str, str, str, float]]
"""What `callback_gauges` (models/store/callbacks.py) gives: gauge, provider, label, value."""


def piling_up(gauges: Gauges) -> str | None:
    """That reports wait for too long, for an operator; None when they do not."""
    numbers = {gauge: value for gauge, _, _, value in gauges if gauge in {"due", "oldest"}}
    if (oldest := numbers.get("oldest", 0.0)) <= BACKLOG_SECONDS:
        return None
    waiting = numbers.get("due", 0.0)
    return (
        f"Reports of providers pile up: {waiting:,.0f} wait, the oldest for {oldest:.0f} s; the courier applies them."
    )


def unreadable(gauges: Gauges) -> str | None:
    """That callbacks could not be read, for an operator; None when all could."""
    count = next((value for gauge, _, _, value in gauges if gauge == "unreadable"), 0.0)
    if not count:
        return None
    return f"{count:,.0f} callbacks of providers could not be read: see `exosend callbacks list --unreadable`."
