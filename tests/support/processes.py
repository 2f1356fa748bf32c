"""Processes that tests start and end."""

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from models.session import Role, role_url, secret_key
from tests.support.engine import Engine, MailServer
from tests.support.http_api import address
from tests.support.smpp import smpp_url

_PATIENCE_SECONDS = 120.0


@contextlib.contextmanager
def mail_server(folder: Path, *options: str, within: Sequence[str] = ()) -> Iterator[MailServer]:
    """A sink with `options` (deployments/sink.py), in a process of its own, so that it outlives what it witnesses.

    `within`: the command that runs another one on another machine.
    """
    log = folder / "accepted.jsonl"
    command = [*within, sys.executable, "-m", "deployments.sink", "--port", "0", "--log", str(log), *options]
    with _listening(command) as port:
        yield MailServer(f"smtp://127.0.0.1:{port}?connections=4", log)


@contextlib.contextmanager
def provider_api(vendor: str, folder: Path, *options: str) -> Iterator[MailServer]:
    """An HTTP API of a provider (deployments/http_sink.py), in a process of its own; the address is for
    EXOSEND_EMAIL_URL or EXOSEND_SMS_URL."""
    log = folder / "accepted.jsonl"
    command = [sys.executable, "-m", "deployments.http_sink", vendor, "--port", "0", "--log", str(log), *options]
    with _listening(command) as port:
        yield MailServer(address(vendor, port, "connections=4"), log)


@contextlib.contextmanager
def smsc(folder: Path, *options: str) -> Iterator[MailServer]:
    """An SMSC (deployments/smpp_sink.py), in a process of its own; the address is for EXOSEND_SMS_URL."""
    log = folder / "accepted.jsonl"
    command = [sys.executable, "-m", "deployments.smpp_sink", "--port", "0", "--log", str(log), *options]
    with _listening(command) as port:
        yield MailServer(smpp_url(port, "window=50&timeout=10"), log)


@contextlib.contextmanager
def _listening(command: Sequence[str]) -> Iterator[int]:
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield int(process.stdout.readline().rsplit(":", 1)[1])
    finally:
        process.terminate()
        process.wait(timeout=10)
        process.stdout.close()


def sender_environment(engine: Engine, **values: str) -> dict[str, str]:
    """What a sender finds in its environment; `values` are fields of Settings, as text."""
    return {
        **os.environ,
        "EXOSEND_DATA_DIR": str(engine.settings.data_dir),
        "EXOSEND_SECRET_KEY": secret_key(engine.settings),
        "EXOSEND_ENGINE_DATABASE_URL": role_url(engine.settings, Role.ENGINE).render_as_string(hide_password=False),
        "EXOSEND_SMTP_URL": str(engine.settings.smtp_url),
        "EXOSEND_LEASE_SECONDS": str(engine.settings.lease_seconds),
        **{f"EXOSEND_{name.upper()}": value for name, value in values.items()},
    }


class LogTail:
    """Counts the lines of a growing file, reading each part of it once."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._offset = 0
        self._lines = 0

    def lines(self) -> int:
        """Whole lines so far; no file is an empty one."""
        if self._path.exists():
            with self._path.open("rb") as file:
                file.seek(self._offset)
                new = file.read()
            self._offset += len(new)
            self._lines += new.count(b"\n")
        return self._lines

    def wait(self, at_least: int, *, alive: Callable[[], bool] = lambda: True) -> int:
        """Until there are that many, or whoever writes is no longer alive; how many there are."""
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while (lines := self.lines()) < at_least and alive():
            assert time.monotonic() < deadline, f"{lines} lines of {at_least} in {self._path}"
            time.sleep(0.001)
        return lines
