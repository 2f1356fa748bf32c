"""When a provider is asked again about a domain: pure."""

from datetime import timedelta
from enum import StrEnum


class Registration(StrEnum):
    """How a domain stands with an account that sends for it."""

    PENDING = "pending"  # it was not asked yet, or said nothing of the domain
    REGISTERED = "registered"  # it has the domain, and did not find its records in DNS
    VERIFIED = "verified"
    FAILED = "failed"  # it does not take the domain
    BY_HAND = "by_hand"  # only people can add it there
    LEAVING = "leaving"  # the domain was removed here


# The first time, and the longest. Records are entered within the hour, or another day; what is verified may be lost.
_TIMES = {
    Registration.PENDING: (timedelta(minutes=1), timedelta(hours=1)),
    Registration.REGISTERED: (timedelta(minutes=5), timedelta(hours=6)),
    Registration.VERIFIED: (timedelta(days=1), timedelta(days=1)),
    Registration.FAILED: (timedelta(minutes=10), timedelta(days=1)),
    Registration.BY_HAND: (timedelta(days=1), timedelta(days=1)),
    Registration.LEAVING: (timedelta(minutes=5), timedelta(days=1)),
}
LEAVING_TRIES = 20
"""After so many, some two weeks, a domain is left with the provider."""


def ask_again_after(state: Registration, tries: int) -> timedelta:
    """How long to wait. `tries`: how often it was asked in this state, the last time included."""
    first, longest = _TIMES[state]
    return min(first * (1 << min(max(tries, 1) - 1, 20)), longest)
