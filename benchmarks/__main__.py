"""`python -m benchmarks`: measure, each figure beside its limit, and print and keep the result."""

import shutil
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import App, Parameter
from rich.console import Console

from benchmarks.api import measure_api
from benchmarks.batches import measure_batches
from benchmarks.callbacks import measure_callbacks
from benchmarks.composing import measure_composing
from benchmarks.dispatch import measure_dispatch, measure_durability
from benchmarks.end_to_end import measure_campaign
from benchmarks.handover import measure_handover
from benchmarks.http_providers import measure_http_providers
from benchmarks.importing import flow_start_seconds, measure_import
from benchmarks.machine import fresh_database, running_postgres
from benchmarks.measure import Bench, Figure
from benchmarks.million import measure_million
from benchmarks.plan import measure_plan
from benchmarks.report import show, write
from benchmarks.singles import measure_singles
from benchmarks.smpp import measure_smpp

Kind = Literal[
    "plan",
    "dispatch",
    "composing",
    "import",
    "singles",
    "handover",
    "batches",
    "api",
    "http",
    "smpp",
    "campaign",
    "million",
    "callbacks",
]
_QUICK_SCALE = 0.1
_FILE_WIDTH = 130  # of the table where the output is no terminal
_RESULTS = Path(__file__).parent / "results"

app = App(name="python -m benchmarks", help="Measure ExoSend, each figure beside its limit in the same run.")

STEPS: dict[Kind, list[Callable[[Bench], Sequence[Figure]]]] = {
    "api": [measure_api],
    "batches": [measure_batches],
    "callbacks": [measure_callbacks],
    "campaign": [measure_campaign],
    "composing": [lambda bench: [measure_composing(bench)]],
    "dispatch": [measure_dispatch, measure_durability],
    "handover": [measure_handover],
    "http": [measure_http_providers],
    "import": [
        lambda bench: [measure_import(bench, phones=False, onto_list=False)],
        lambda bench: [measure_import(bench, phones=True, onto_list=False)],
        lambda bench: [measure_import(bench, phones=False, onto_list=True)],
    ],
    "million": [measure_million],
    "plan": [
        lambda bench: [measure_plan(bench, 100_000)],
        lambda bench: [measure_plan(bench, 1_000_000)],
    ],
    "singles": [measure_singles],
    "smpp": [measure_smpp],
}


@app.default
def main(
    *kinds: Kind,
    scale: Annotated[float | None, Parameter(help="Part of the documented amounts; 1 unless told.")] = None,
    rounds: Annotated[int | None, Parameter(help="How often product and limit take turns; 3 unless told.")] = None,
    quick: Annotated[bool, Parameter(help="A tenth of the amounts, twice: about five minutes.")] = False,
    results: Annotated[Path, Parameter(help="Folder for the JSON.")] = _RESULTS,
) -> None:
    """Measure all kinds, or just the named ones."""
    scale = scale if scale is not None else (_QUICK_SCALE if quick else 1.0)
    rounds = rounds if rounds is not None else (2 if quick else 3)
    console = Console()
    if not console.is_terminal:
        console.width = _FILE_WIDTH
    folder = Path(tempfile.mkdtemp(prefix="exosend-bench-"))
    figures: list[Figure] = []
    extra: dict[str, float] = {}
    try:
        with running_postgres(folder) as server:
            for kind in kinds or tuple(STEPS):
                for number, step in enumerate(STEPS[kind]):
                    console.print(f"[dim]measuring {kind} ({number + 1} of {len(STEPS[kind])}) …[/dim]")
                    with fresh_database(server, f"bench_{kind}_{number}", folder) as (settings, settle):
                        figures += step(Bench(settings, folder, scale, rounds, settle))
        if not kinds or "import" in kinds:
            extra["flow_start_seconds"] = round(min(flow_start_seconds() for _ in range(rounds)), 3)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    show(figures, console, scale=scale)
    if "flow_start_seconds" in extra:
        seconds = extra["flow_start_seconds"]
        console.print(f"  without a preloader a flow's process takes {seconds} s to start, besides Prefect's own part")
    console.print(f"  written to {write(figures, results, scale=scale, rounds=rounds, extra=extra)}")


if __name__ == "__main__":
    app()
