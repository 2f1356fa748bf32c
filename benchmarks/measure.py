"""What is measured: seconds of the product beside seconds of its limit, taken in turns in the same run."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from models.settings import Settings

Note = str | int | float


@dataclass(frozen=True, slots=True)
class Bench:
    """What every figure gets.

    `settings` name a migrated database of its own; `settle` brings the database to rest before a timed run;
    `scale` shrinks the amounts (1.0: the documented ones); `rounds`: how often limit and product take turns.
    """

    settings: Settings
    folder: Path
    scale: float
    rounds: int
    settle: Callable[[], None]

    def amount(self, full: int) -> int:
        """The amount at this scale, at least 50."""
        return max(50, int(full * self.scale))


@dataclass(frozen=True, slots=True)
class Aim:
    """`at most` so many times the limit's time, or `at least` this part of the limit's speed; `goal` is for later."""

    bound: Literal["at most", "at least"]
    now: float
    goal: float


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the table. Of several runs the fastest counts: on a machine with other work it was disturbed least.

    `ratio` is product ÷ limit: of seconds, of speeds where `compare` is "speed", of bytes (which then stand in place of
    the seconds) where it is "memory".
    """

    name: str
    limit_name: str
    amount: int
    unit: str
    product_seconds: tuple[float, ...]
    limit_seconds: tuple[float, ...]
    compare: Literal["time", "speed", "memory"] = "time"
    aim: Aim | None = None
    notes: Mapping[str, Note] = field(default_factory=dict)

    @property
    def product(self) -> float:
        """Seconds of the product's fastest run."""
        return min(self.product_seconds)

    @property
    def limit(self) -> float:
        """Seconds of the limit's fastest run."""
        return min(self.limit_seconds)

    @property
    def ratio(self) -> float:
        """See the class."""
        return self.limit / self.product if self.compare == "speed" else self.product / self.limit

    @property
    def met(self) -> bool | None:
        """Whether the aim is reached; None where there is none."""
        if self.aim is None:
            return None
        return self.ratio <= self.aim.now if self.aim.bound == "at most" else self.ratio >= self.aim.now


def in_turns(
    rounds: int, product: Callable[[], float], limit: Callable[[], float]
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Seconds of the product's runs and of the limit's, taken in turns: product, limit, product, limit …"""
    pairs = [(product(), limit()) for _ in range(rounds)]
    return tuple(first for first, _ in pairs), tuple(second for _, second in pairs)
