"""The table of docs/reliability.md has every fault that is tried, and nothing in it was lost."""

import ast
import re
from collections import Counter
from pathlib import Path

from tests.support.trials import BEGIN, END

_PROJECT = Path(__file__).parents[2]
_FAULTS = _PROJECT / "tests" / "faults"
_ROW = re.compile(r"^\| \[.+\]\(\.\./tests/faults/(test_\w+\.py)\) \|(.*)\|$", re.MULTILINE)


def _table() -> str:
    page = (_PROJECT / "docs" / "reliability.md").read_text()
    return page.partition(BEGIN)[2].partition(END)[0]


def _trials(file: Path) -> int:
    """How many tests of a file write a line: those that ask for `trial`."""
    functions = [node for node in ast.parse(file.read_text()).body if isinstance(node, ast.FunctionDef)]
    asked = {node.name: {argument.arg for argument in node.args.args} for node in functions}
    return sum("trial" in arguments for name, arguments in asked.items() if name.startswith("test_"))


def test_every_fault_that_is_tried_is_in_the_table() -> None:
    lines = Counter(file for file, _ in _ROW.findall(_table()))
    missing = {file.name: _trials(file) for file in _FAULTS.glob("test_*.py") if lines[file.name] < _trials(file)}
    assert not missing, f"`make faults` writes them into docs/reliability.md: {missing}"


def test_the_numbers_are_those_of_promises_that_were_kept() -> None:
    header = next(line for line in _table().splitlines() if line.startswith("| fault"))
    names = [cell.strip() for cell in header.strip("|").split("|")][1:]
    rows = _ROW.findall(_table())
    assert len(rows) > 40
    for file, cells in rows:
        found = dict(zip(names, [cell.strip() for cell in cells.split("|")], strict=True))
        assert found["cents off"] == "0", file
        without_mail_server = file == "test_ledger_simulation.py"
        assert {found["lost"], found["doubled"]} == {"–" if without_mail_server else "0"}, file
