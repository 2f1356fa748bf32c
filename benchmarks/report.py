"""The figures as a table for people, and as JSON for whoever compares runs."""

import json
import os
import platform
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import psutil
from rich.console import Console
from rich.table import Table

from benchmarks.measure import Figure


def show(figures: Sequence[Figure], console: Console, *, scale: float) -> None:
    """Print the table. Aims are judged at full scale only: small amounts measure the constants."""
    table = Table(title="ExoSend beside its limits", title_justify="left")
    for heading in ("figure", "amount", "product", "limit", "its limit is", "ratio", "aim", ""):
        table.add_column(heading, justify="left" if heading in {"figure", "its limit is", ""} else "right")
    for figure in figures:
        table.add_row(
            figure.name,
            f"{figure.amount:,}",
            _speed(figure, figure.product),
            _speed(figure, figure.limit),
            figure.limit_name,
            f"{figure.ratio:.2f}" + ("" if figure.compare == "speed" else " ×"),
            f"{figure.aim.bound} {figure.aim.now}" if figure.aim else "–",
            _verdict(figure, scale),
        )
    console.print(table)
    for figure in figures:
        if figure.notes:
            console.print(f"  {figure.name}: " + ", ".join(f"{name} {value}" for name, value in figure.notes.items()))


def write(figures: Sequence[Figure], folder: Path, *, scale: float, rounds: int, extra: dict[str, float]) -> Path:
    """Write everything that was measured to a new file in `folder`; returns its path."""
    folder.mkdir(parents=True, exist_ok=True)
    now = datetime.now(UTC)
    path = folder / f"{now:%Y%m%dT%H%M%SZ}.json"
    result = {
        "measured_at": now.isoformat(timespec="seconds"),
        "scale": scale,
        "rounds": rounds,
        "machine": {
            "system": platform.platform(),
            "python": platform.python_version(),
            "cores": os.cpu_count(),
            "memory_bytes": psutil.virtual_memory().total,
            "load": os.getloadavg()[0],
        },
        **extra,
        "figures": [_as_json(figure) for figure in figures],
    }
    path.write_text(json.dumps(result, indent=2) + "\n")
    return path


def _as_json(figure: Figure) -> dict[str, object]:
    aim = figure.aim
    return {
        "name": figure.name,
        "limit": figure.limit_name,
        "amount": figure.amount,
        "unit": figure.unit,
        "compare": figure.compare,
        "product_seconds": [round(seconds, 4) for seconds in figure.product_seconds],
        "limit_seconds": [round(seconds, 4) for seconds in figure.limit_seconds],
        "ratio": round(figure.ratio, 3),
        "aim": {"bound": aim.bound, "now": aim.now, "goal": aim.goal, "met": figure.met} if aim else None,
        "notes": dict(figure.notes),
    }


def _speed(figure: Figure, seconds: float) -> str:
    if figure.compare == "time":
        return f"{seconds:.2f} s"
    if figure.compare == "memory":
        return f"{seconds / 2**20:,.0f} MiB"
    return f"{figure.amount / seconds:,.0f}/s"


def _verdict(figure: Figure, scale: float) -> str:
    if figure.met is None:
        return ""
    if scale < 1:
        return "[dim]not at full scale[/dim]"
    return "[green]met[/green]" if figure.met else "[red]missed[/red]"
