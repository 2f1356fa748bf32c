"""The funnel: how many rows a plan began with, how many it dropped for each reason, how many are left."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class FunnelStep:
    """One filter: its reason, how many rows it dropped, how many were left after it."""

    reason: str
    dropped: int
    left: int


@dataclass(frozen=True, slots=True)
class Funnel:
    """Steps in the order in which they were applied. The law: rows = left of the last + Σ dropped."""

    rows: int
    steps: tuple[FunnelStep, ...]

    def __post_init__(self) -> None:
        left = self.rows
        for step in self.steps:
            left -= step.dropped
            assert step.dropped >= 0, f"{step.reason} dropped {step.dropped} rows."
            assert left == step.left >= 0, f"{step.reason} left {step.left} rows instead of {left}."

    @property
    def kept(self) -> int:
        """How many rows went through all steps."""
        return self.steps[-1].left if self.steps else self.rows

    def dropped(self) -> dict[str, int]:
        """Reason → rows, without the reasons that dropped none."""
        return {step.reason: step.dropped for step in self.steps if step.dropped}

    def to_json(self) -> dict[str, Any]:
        """As it is stored on the run: every step, those that dropped none as well."""
        return {
            "rows": self.rows,
            "steps": [{"reason": s.reason, "dropped": s.dropped, "left": s.left} for s in self.steps],
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> "Funnel":
        """The funnel that `to_json` wrote."""
        return cls(
            int(stored["rows"]),
            tuple(FunnelStep(str(s["reason"]), int(s["dropped"]), int(s["left"])) for s in stored["steps"]),
        )


def make_funnel(rows: int, drops: Sequence[tuple[str, int]]) -> Funnel:
    """The funnel of `rows` from which each (reason, count) was taken in turn."""
    steps = []
    left = rows
    for reason, dropped in drops:
        left -= dropped
        steps.append(FunnelStep(reason, dropped, left))
    return Funnel(rows, tuple(steps))
