"""Faults that are tried: how much of them, with which chances, and the table of what was found.

A test of a fault has a short form, which runs with all others, and a long one (`make faults`: FAULTS=long). Its
chances come from one number, FAULTS_SEED if it is set, which is in the table, so that a trial can be repeated. Each
trial leaves a line in a folder. `python -m tests.support.trials FOLDER` prints them as a table, and with the name of a
page as well writes it into the page, between two lines that mark its place.
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
from tests.support.scheduling import IS_LONG

_T = TypeVar("_T")
_COLUMNS = {
    "fault": "fault",
    "times": "times",
    "messages": "messages",
    "lost": "lost",
    "doubled": "doubled",
    "resent": "twice, flagged",
    "uncertain": "uncertain",
    "cents_off": "cents off",
    "seconds": "seconds",
    "seed": "seed",
}
_SUMMED = ("messages", "lost", "doubled", "resent", "uncertain")
BEGIN, END = "<!-- what was tried -->", "<!-- the end of what was tried -->"


@dataclass(slots=True)
class Trial:
    """One trial of one fault. `file`: the test's; `folder`: where its line goes."""

    name: str
    file: str
    folder: Path
    is_long: bool
    seed: int
    chance: random.Random = field(init=False)
    _began: float = field(init=False, default_factory=time.monotonic)

    def __post_init__(self) -> None:
        self.chance = random.Random(self.seed)

    @classmethod
    def begin(cls, name: str, file: str) -> "Trial":
        """With the form and the chances that the environment says."""
        # pytest-randomly gives this its own seed, which it prints.
        seed = int(os.environ.get("FAULTS_SEED") or random.randrange(10**6))
        print(f"FAULTS_SEED={seed}")
        return cls(name, file, table_folder(is_long=IS_LONG), IS_LONG, seed)

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
            "file": self.file,
            "times": times,
            **{name: _sum(getattr(one, name) for one in all_) for name in _SUMMED},
            "cents_off": str(sum((one.cents_off for one in all_), Decimal(0))),
            "seconds": round(time.monotonic() - self._began, 1),
            "seed": self.seed,
        }
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / f"{re.sub(r'[^a-z0-9]+', '-', self.name.lower())}.json").write_text(json.dumps(line))
        for one in all_:
            one.check()


def _sum(numbers: Iterable[int | None]) -> int | None:
    """Of those that are known; None where none is."""
    known = [number for number in numbers if number is not None]
    return sum(known) if known else None


def _cell(value: object, *, is_name: bool) -> str:
    if value is None:
        return "–"
    return f"{value:,}" if isinstance(value, int) and not is_name else str(value)


def table_folder(*, is_long: bool) -> Path:
    """Where the lines of a form are: `build/faults/short` or `long`."""
    return Path(__file__).parents[2] / "build" / "faults" / ("long" if is_long else "short")


def table(folder: Path, *, tests: str | None = None) -> str:
    """The lines of a folder as a Markdown table, in order of their faults, and their sums.

    `tests`: the way from the page to the folder of the tests, where each fault is to be a link to its own.
    """
    lines = sorted((json.loads(path.read_text()) for path in folder.glob("*.json")), key=lambda line: line["fault"])
    cents = sum((Decimal(line["cents_off"]) for line in lines), Decimal(0))
    seconds = round(sum(line["seconds"] for line in lines), 1)
    sums = {name: _sum(line[name] for line in lines) for name in _SUMMED}
    all_ = {"fault": "all", "times": "", **sums, "cents_off": str(cents), "seconds": seconds, "seed": ""}
    rows = [list(_COLUMNS.values()), ["---", *["---:"] * (len(_COLUMNS) - 1)]]
    for line in [*lines, all_]:
        cells = [_cell(line[name], is_name=name == "seed") for name in _COLUMNS]
        if tests is not None and "file" in line:
            cells[0] = f"[{cells[0]}]({tests}/{line['file']})"
        rows.append(cells)
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def write_into(page: Path, folder: Path) -> None:
    """Put the table, and which form of the trials it is of, into the page, in the place of the one that is there."""
    before, _, rest = page.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    assert after, f"{page} does not say where the table goes."
    found = f"In the {folder.name} form:\n\n{table(folder, tests='../tests/faults')}"
    page.write_text(f"{before}{BEGIN}\n{found}\n{END}{after}")


if __name__ == "__main__":
    found, *pages = [Path(name) for name in sys.argv[1:]]
    print(table(found))
    for each in pages:
        write_into(each, found)
