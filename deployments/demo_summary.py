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


def print_summary(numbers: dict[str, Any], *, opted_out: int, data_dir: Path) -> None:
    """Tables on stdout: from the rows of the file to the messages accepted, and the money."""
    console = Console(highlight=False)
    console.print()
    funnel = Table(title="From the file to the mail server", box=None, show_header=False, title_justify="left")
    funnel.add_column(justify="right")
    funnel.add_column()
    funnel.add_row(f"{numbers['rows']:,}", "rows in the file")
    funnel.add_row(f"-{numbers['errors_total']:,}", "could not be read (the import lists each with its row)")
    funnel.add_row(f"-{numbers['skipped']:,}", "repeated in the file")
    funnel.add_row(f"[bold]{numbers['imported']:,}[/bold]", "contacts imported")
    for reason, count in numbers["dropped"].items():
        funnel.add_row(f"-{count:,}", _REASONS.get(reason, reason))
    funnel.add_row(f"[bold]{numbers['recipients']:,}[/bold]", "recipients")
    funnel.add_row(f"[bold]{numbers['accepted']:,}[/bold]", "accepted, says the campaign")
    funnel.add_row(f"[bold]{numbers['sink_accepted']:,}[/bold]", "accepted, says the mail server's log")
    funnel.add_row(f"[bold]{numbers['sink_unique']:,}[/bold]", "different addresses in that log")
    console.print(funnel)
    console.print()
    seconds = numbers["seconds"]
    rate = numbers["accepted"] / seconds["campaign"] if seconds["campaign"] else 0.0
    console.print(f"Nobody was lost, nobody got it twice, none of the {opted_out} who opted out got it.")
    console.print(f"Charged {numbers['charged']:.2f} EUR, balance {numbers['balance']:.2f} EUR.")
    console.print(
        f"The campaign took {seconds['campaign']:.1f} s from the click to the end, the start of its flow included"
        f" ({rate:,.0f} messages a second); the import {seconds['import']:.1f} s; all of this {seconds['total']:.0f} s."
    )
    console.print()
    console.print("[bold]Where to look next[/bold]")
    console.print(f"  EXOSEND_DATA_DIR={data_dir} exosend up   the same data again: Prefect's UI has both runs")
    console.print("  make up                                  a stack of your own")
    console.print("  docs/architecture.md                     how it works, and where things go")
