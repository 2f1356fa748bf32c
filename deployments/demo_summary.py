"""The demo's numbers, for people."""

from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

_REASONS = {
    "invalid_address": "not an address",
    "unsubscribed": "unsubscribed",
    "bounced": "bounced before",
    "complained": "complained before",
    "not_in_segment": "not in the segment",
    "duplicate": "on several lists",
    "suppressed": "on the suppression list",
}
_LEAST_OF_A_RATE = 1000  # under so many messages a rate would be that of the flow's start


def print_summary(numbers: dict[str, Any], *, opted_out: int, folder: Path) -> None:
    """Tables on stdout: from the rows of the file to the messages accepted, and the money."""
    console = Console(highlight=False, soft_wrap=True)
    console.print()
    console.print("From the file to the mail server", style="italic")
    console.print(_funnel(numbers))
    console.print()
    nobody = f", none of the {opted_out} who opted out got it" if opted_out else ""
    console.print(f"Nobody was lost, nobody got it twice{nobody}.")
    console.print(f"Charged {numbers['charged']:.2f} EUR, balance {numbers['balance']:.2f} EUR.")
    console.print(_times(numbers["seconds"], numbers["accepted"]))
    console.print()
    console.print("[bold]Where to look next[/bold]")
    again = f'make up ARGS="--data-dir {shown(folder)}"'
    for what, why in (
        (again, "this stack again, with both runs in Prefect's UI"),
        ("make up", "a stack of your own; README.md has the first calls"),
        ("docs/architecture.md", "how it works, and where things go"),
    ):
        console.print(f"  {what:{len(again)}}  {why}", markup=False)


def shown(path: Path) -> str:
    """The path as a person would type it here."""
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)


def _funnel(numbers: dict[str, Any]) -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column(justify="right", min_width=7)
    dropped = {_REASONS.get(reason, reason): count for reason, count in numbers["dropped"].items()}
    table.add_row(f"{numbers['rows']:,}", "rows in the file")
    for what, count in (
        ("could not be read (the import lists each with its row)", numbers["errors_total"]),
        ("repeated in the file", numbers["skipped"]),
    ):
        if count:
            table.add_row(f"-{count:,}", what)
    table.add_row(f"[bold]{numbers['imported']:,}[/bold]", "contacts imported")
    for what, count in dropped.items():
        table.add_row(f"-{count:,}", what)
    for name, what in (
        ("recipients", "recipients"),
        ("accepted", "accepted, says the campaign"),
        ("sink_accepted", "accepted, says the mail server's log"),
        ("sink_unique", "different addresses in that log"),
    ):
        table.add_row(f"[bold]{numbers[name]:,}[/bold]", what)
    return table


def _times(seconds: dict[str, float], accepted: int) -> str:
    rate = ""
    if accepted >= _LEAST_OF_A_RATE:
        rate = f" ({accepted / seconds['campaign']:,.0f} messages a second)"
    return (
        f"The campaign took {seconds['campaign']:.1f} s from the click to the end, the start of its flow included"
        f"{rate}; the import {seconds['import']:.1f} s; all of this {seconds['total']:.0f} s."
    )
