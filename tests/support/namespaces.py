"""Machines that are network namespaces of this one: one with the database, and two that reach it over a cable each."""

import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from functools import cache, partial
from pathlib import Path

from sqlalchemy import URL

from tests.support.cut_off import Machine
from tests.support.processes import mail_server


@cache
def can_make_namespaces() -> bool:
    """Whether this process may make network namespaces, and `ip` is there to do it."""
    if (unshare := shutil.which("unshare")) is None or shutil.which("ip", path=_PATH) is None:
        return False
    return subprocess.run([unshare, "--net", "true"], capture_output=True, check=False).returncode == 0


_PATH = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"])


def _ip(*words: str) -> None:
    program = shutil.which("ip", path=_PATH)
    assert program is not None
    subprocess.run([program, *words], check=True, capture_output=True, timeout=20)


@contextlib.contextmanager
def _namespace(name: str) -> Iterator[Sequence[str]]:
    """A namespace with nothing but its own loopback; gives the command that runs another one in it."""
    _ip("netns", "add", name)
    try:
        _ip("-n", name, "link", "set", "lo", "up")
        yield ("ip", "netns", "exec", name)
    finally:
        _ip("netns", "delete", name)


@contextlib.contextmanager
def three_machines(database: URL, folder: Path, *mail_options: str) -> Iterator[list[Machine]]:
    """The two that send; each has a mail server of its own on it, and a cable to the third, which has the database.

    Cut is a cable that is pulled: what is sent is lost without a word, and TCP goes on when it is back.
    """
    prefix = f"exosend{os.getpid()}"
    with contextlib.ExitStack() as stack:
        hub = f"{prefix}-db"
        in_hub = stack.enter_context(_namespace(hub))
        machines = []
        for number in (1, 2):
            name, port = f"{prefix}-{number}", f"eth{number}"
            within = stack.enter_context(_namespace(name))
            _ip("link", "add", port, "netns", hub, "type", "veth", "peer", "name", "eth0", "netns", name)
            for namespace, device, address in ((hub, port, 1), (name, "eth0", 2)):
                _ip("-n", namespace, "address", "add", f"10.99.{number}.{address}/24", "dev", device)
                _ip("-n", namespace, "link", "set", device, "up")
            url = stack.enter_context(_database_on(in_hub, database, f"10.99.{number}.1"))
            server = stack.enter_context(mail_server(folder / name, *mail_options, within=within))
            pull, plug = (partial(_ip, "-n", hub, "link", "set", port, state) for state in ("down", "up"))
            machines.append(Machine(url, server, pull, plug, within))
        yield machines


@contextlib.contextmanager
def _database_on(within: Sequence[str], database: URL, address: str) -> Iterator[str]:
    """The database, which listens on a Unix socket, as if it ran there; gives its address."""
    url = database.render_as_string(hide_password=False)
    command = [*within, sys.executable, "-m", "tests.support.proxy", url, address]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield process.stdout.readline().strip()
    finally:
        process.stdin.close()
        process.wait(timeout=20)
        process.stdout.close()
