"""Processes that tests start and end."""

import contextlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.support.engine import MailServer


@contextlib.contextmanager
def mail_server(folder: Path, *options: str) -> Iterator[MailServer]:
    """A sink with `options` (deployments/sink.py), in a process of its own, so that it outlives what it witnesses."""
    log = folder / "accepted.jsonl"
    command = [sys.executable, "-m", "deployments.sink", "--port", "0", "--log", str(log), *options]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        port = process.stdout.readline().rsplit(":", 1)[1].strip()
        yield MailServer(f"smtp://127.0.0.1:{port}?connections=4", log)
    finally:
        process.terminate()
        process.wait(timeout=10)
        process.stdout.close()
