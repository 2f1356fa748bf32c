"""Rates: how many messages a minute may go out, and how much of it one window may take."""

from collections.abc import Iterable
from dataclasses import dataclass

_ORDER = ("run", "sender", "account")


@dataclass(frozen=True, slots=True)
class Limit:
    """A rate that a token bucket keeps. `name`: its kind (run, sender, account), a colon, and whose it is."""

    name: str
    per_minute: int

    @property
    def is_shared(self) -> bool:
        """Whether others take from the bucket than one run: these take turns."""
        return not self.name.startswith("run:")

    @property
    def per_second(self) -> float:
        """The rate in messages a second."""
        return self.per_minute / 60

    @property
    def burst(self) -> float:
        """What the bucket holds: a second of the rate. So the first window starts at once, and a pause is not made
        up for."""
        return max(1.0, self.per_second)

    @property
    def window(self) -> int:
        """Messages that one window may take: of a shared rate half a second, since everybody else waits for it."""
        return max(1, self.per_minute // (120 if self.is_shared else 60))


def in_order(limits: Iterable[Limit]) -> list[Limit]:
    """The order in which buckets are locked, by everybody: those of most takers last."""
    return sorted(limits, key=lambda limit: (_ORDER.index(limit.name.partition(":")[0]), limit.name))
