"""The mail server that is sent to, and the fastest sender there is to the same server.

With Postfix: its smtp-sink and its smtp-source, both in C. Without: ExoSend's own sink and a bare loop of prepared
bytes, which shows what ExoSend adds to that and proves no aim.
"""

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.bare_client import send_prepared

_PATH = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/usr/libexec/postfix"])
_START_SECONDS = 20.0
_LONGEST_SECONDS = 600
CONNECTIONS = 8


@dataclass(frozen=True, slots=True)
class MailServer:
    """A running server. `limit(messages, size)`: seconds of the sender it is measured against, named `limit_name`.

    `proves`: whether an aim may be judged by it.
    """

    port: int
    limit_name: str
    limit: Callable[[int, int], float]
    proves: bool

    @property
    def url(self) -> str:
        """For EXOSEND_SMTP_URL."""
        return f"smtp://127.0.0.1:{self.port}?connections={CONNECTIONS}&starttls=off"


@contextlib.contextmanager
def mail_server(folder: Path) -> Iterator[MailServer]:
    """The best there is on this machine."""
    sink, source = shutil.which("smtp-sink", path=_PATH), shutil.which("smtp-source", path=_PATH)
    port = _free_port()
    if sink and source:
        user = ["-u", "nobody"] if os.geteuid() == 0 else []  # else it does not start as root
        command = [sink, *user, "-c", f"127.0.0.1:{port}", "1024"]
        with _running(command, port):
            yield MailServer(port, "smtp-source", lambda count, size: _smtp_source(source, port, count, size), True)
        return
    log = folder / "accepted.jsonl"
    command = [sys.executable, "-m", "deployments.sink", "--port", str(port), "--log", str(log)]
    with _running(command, port):
        yield MailServer(port, "bare loop (no Postfix)", lambda count, size: _bare_loop(port, count, size), False)


@contextlib.contextmanager
def _running(command: list[str], port: int) -> Iterator[None]:
    server = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    try:
        _wait_ready(server, port)
        yield
    finally:
        server.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            server.communicate(timeout=10)
        server.kill()


def _wait_ready(server: subprocess.Popen[bytes], port: int) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError as error:
            if server.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError("The mail server for the benchmark did not start.") from error
            time.sleep(0.05)
        else:
            return


def _smtp_source(program: str, port: int, count: int, size: int) -> float:
    command = [program, "-d", "-s", str(CONNECTIONS), "-l", str(size), "-m", str(count)]
    command += ["-f", "a@example.com", "-t", "b@example.com", f"127.0.0.1:{port}"]
    began = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True, timeout=_LONGEST_SECONDS)
    return time.perf_counter() - began


def _bare_loop(port: int, count: int, size: int) -> float:
    began = time.perf_counter()
    send_prepared(port, count=count, size=size, connections=CONNECTIONS)
    return time.perf_counter() - began


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
