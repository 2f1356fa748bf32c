"""Faults that are tried: how much of them, with which chances, and the table of what was found.

A test of a fault has a short form, which runs with all others, and a long one (`make faults`: FAULTS=long). Its
chances come from one number, FAULTS_SEED if it is set, which is in the table, so that a trial can be repeated. Each
trial leaves a line in a folder, and `python -m tests.support.trials FOLDER` prints them as a table.
"""

import json
import os
import random
import re
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import TypeVar

from tests.support.invariants import Found

_T = TypeVar("_T")
_COLUMNS = {
    "fault": "fault",
    "times": "times",
    "messages": "messages",
    "lost": "lost",
    "doubled": "doubled",
    "uncertain": "uncertain",
    "cents_off": "cents off",
    "seconds": "seconds",
    "seed": "seed",
}


@dataclass(slots=True)
class Trial:
    """One trial of one fault. `folder`: where its line goes."""

    name: str
    folder: Path
    is_long: bool
    seed: int
    chance: random.Random = field(init=False)
    _began: float = field(init=False, default_factory=time.monotonic)

    def __post_init__(self) -> None:
        self.chance = random.Random(self.seed)

    @classmethod
    def begin(cls, name: str) -> "Trial":
        """With the form and the chances that the environment says."""
        is_long = os.environ.get("FAULTS") == "long"
        # pytest-randomly gives this its own seed, which it prints.
        seed = int(os.environ.get("FAULTS_SEED") or random.randrange(10**6))
        print(f"FAULTS_SEED={seed}")
        return cls(name, table_folder(is_long=is_long), is_long, seed)

    def of(self, *, short: _T, long: _T) -> _T:
        """How much, in this form."""
        return long if self.is_long else short

    def wait(self, *, short: float, long: float) -> None:
        """Let a fault last for so many seconds."""
        time.sleep(self.of(short=short, long=long))

    def write(self, fault: str, times: int, found: Found | Iterable[Found]) -> None:
        """The line of this trial: `times` the fault was done to these runs, each of which kept the promises."""
        all_ = [found] if isinstance(found, Found) else list(found)
        line = {
            "fault": fault,
            "times": times,
            "messages": sum(one.messages for one in all_),
            "lost": sum(one.lost for one in all_),
            "doubled": sum(one.doubled for one in all_),
            "uncertain": sum(one.uncertain for one in all_),
            "cents_off": str(sum((one.cents_off for one in all_), Decimal(0))),
            "seconds": round(time.monotonic() - self._began, 1),
            "seed": self.seed,
        }
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / f"{re.sub(r'[^a-z0-9]+', '-', self.name.lower())}.json").write_text(json.dumps(line))
        for one in all_:
            one.check()


def table_folder(*, is_long: bool) -> Path:
    """Where the lines of a form are: `build/faults/short` or `long`."""
    return Path(__file__).parents[2] / "build" / "faults" / ("long" if is_long else "short")


def table(folder: Path) -> str:
    """The lines of a folder as a Markdown table, in order of their faults."""
    lines = sorted((json.loads(path.read_text()) for path in folder.glob("*.json")), key=lambda line: line["fault"])
    rows = [list(_COLUMNS.values()), ["---", *["---:"] * (len(_COLUMNS) - 1)]]
    for line in lines:
        cells = [line[name] for name in _COLUMNS]
        rows.append(
            [
                f"{cell:,}" if isinstance(cell, int) and name != "seed" else str(cell)
                for name, cell in zip(_COLUMNS, cells, strict=True)
            ]
        )
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


if __name__ == "__main__":
    print(table(Path(sys.argv[1])))
