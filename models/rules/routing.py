"""By which account a message goes: pure.

An organization's own accounts come before the platform's, lower priorities before higher ones, and accounts of equal
priority share what there is by their weights. The account that the environment configures is the platform's last one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from math import log
from uuid import UUID

LAST_PRIORITY = 1001
"""Of the account that the environment configures: above all that a row of provider_accounts may have."""


@dataclass(frozen=True, slots=True)
class Way:
    """An account, as far as it matters for who goes by it. `name`: what `messages.provider` calls it; `countries`: ISO
    3166, None for everywhere."""

    name: str
    is_own: bool = False
    priority: int = 100
    weight: int = 1
    countries: frozenset[str] | None = None

    def serves(self, country: str | None) -> bool:
        """Whether it takes messages to the country. None: nobody knows it, as of an email."""
        return self.countries is None or country in self.countries


def ways_of(ways: Sequence[Way], message_id: UUID, country: str | None = None) -> list[str]:
    """The accounts that may take a message, by their names, the first one first; each next one for when those before it
    certainly did not. Empty where none serves the country.

    The same message gets the same order from the same accounts, whoever asks. Of equal accounts each is first with a
    probability of its weight, and one that is added or gone moves no message between the others (rendezvous hashing
    with weights: https://datatracker.ietf.org/doc/draft-ietf-bess-weighted-hrw/).
    """
    tiers: dict[tuple[bool, int], list[Way]] = {}
    for way in ways:
        if way.serves(country):
            tiers.setdefault((not way.is_own, way.priority), []).append(way)
    return [way.name for _, tier in sorted(tiers.items()) for way in _shared(tier, message_id)]


def _shared(tier: list[Way], message_id: UUID) -> list[Way]:
    if len(tier) == 1:
        return tier
    return sorted(tier, key=lambda way: (_score(way, message_id), way.name))


def _score(way: Way, message_id: UUID) -> float:
    """Exponentially distributed with the weight as its rate: the least of several is each one's with the probability
    of its weight's part of all."""
    drawn = int.from_bytes(blake2b(way.name.encode(), key=message_id.bytes, digest_size=7).digest())
    return -log((drawn + 1) / 2**56) / way.weight
