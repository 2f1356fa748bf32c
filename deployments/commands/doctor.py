"""`exosend doctor`."""

import sys
from pathlib import Path

from rich.console import Console
from rich.table import Table

from deployments.checks import examine
from deployments.findings import Grade
from models.settings import load_settings

_COLOURS = {Grade.OK: "green", Grade.NOTE: "yellow", Grade.WRONG: "red"}


def doctor(*, data_dir: Path | None = None) -> None:
    """Check what is configured, reachable and up to date; exit code 1 if anything is wrong.

    Parameters
    ----------
    data_dir
        Folder of the stack (EXOSEND_DATA_DIR, else .exosend).
    """
    findings = examine(load_settings(data_dir=data_dir))
    console = Console(soft_wrap=True, highlight=False)
    table = Table(box=None, pad_edge=False)
    for heading in ("check", "", "finding"):
        table.add_column(heading, overflow="fold")
    for finding in findings:
        colour = _COLOURS[finding.grade]
        table.add_row(finding.check, f"[{colour}]{finding.grade}[/{colour}]", finding.text)
    console.print(table)
    if any(finding.grade is Grade.WRONG for finding in findings):
        sys.exit(1)
