"""What `exosend up` shows: lines as they come, and one table when everything runs; plain text off a terminal."""

import sys
from datetime import datetime
from pathlib import Path

from rich.console import Console
from rich.table import Table

from deployments.state import StackState
from models.pipelines import WORK_POOL
from models.settings import Settings


class Screen:
    """The operator's terminal, and `logs/up.log` beside it."""

    def __init__(self, log: Path, *, quiet: bool = False) -> None:
        self._console = Console(file=sys.stderr, highlight=False, soft_wrap=True, quiet=quiet)
        self._log = log

    def say(self, line: str) -> None:
        """One line of news."""
        now = datetime.now().astimezone()
        self._console.print(f"[dim]{now:%H:%M:%S}[/dim] {line}" if self._console.is_terminal else line)
        with self._log.open("a") as file:
            file.write(f"{now.isoformat(timespec='seconds')} {line}\n")

    def ready(self, settings: Settings, state: StackState, seconds: float) -> None:
        """The table of what runs where."""
        pids = {record.name: record.process.pid for record in state.services}
        rows = [
            ("API", settings.api_url, "api"),
            ("admin panel", f"{settings.api_url}/admin", ""),
            ("API reference", f"{settings.api_url}/docs/reference", ""),
            ("Prefect UI", settings.prefect_url.removesuffix("/api"), "prefect"),
            ("worker", f"work pool {WORK_POOL}, {settings.worker_limit} flow runs at once", "worker"),
            ("courier", "single messages, schedules, reports, what dead senders left", "courier"),
            ("Postgres", "embedded" if "postgres" in pids else "EXOSEND_DATABASE_URL", "postgres"),
            ("email goes to", _goes_to(settings, "SMTP", "EMAIL"), ""),
            ("SMS go to", _goes_to(settings, "SMS"), ""),
            ("logs", str(settings.data_dir / "logs"), ""),
        ]
        self.say(f"ExoSend is ready after {seconds:.1f} s. Ctrl-C stops all of it.")
        if not self._console.is_terminal:
            for name, where, _ in rows:
                self._console.print(f"  {name}: {where}", markup=False)
            return
        table = Table(box=None, pad_edge=False)
        for heading in ("what", "where", "pid"):
            table.add_column(heading)
        for name, where, service in rows:
            table.add_row(name, where, str(pids.get(service, "")))
        self._console.print(table)


def _goes_to(settings: Settings, *names: str) -> str:
    """What the settings say of a channel."""
    chosen = [f"EXOSEND_{name}_URL" for name in names if getattr(settings, f"{name.lower()}_url")]
    return f"the provider of {chosen[0]}" if chosen else "the sandbox"
