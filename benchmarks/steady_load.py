"""The same request, so many times a second, whatever becomes of the ones before: from a process of its own.

`python -m benchmarks.steady_load` reads what to ask as one line of JSON from stdin and asks until stdin ends; then it
writes each answer as a line of JSON to stdout: when it was to be asked, in seconds since 1970, the seconds until its
answer from then on (so a request that waits for the one before it counts as slow), its status, and what it said.
"""

import http.client
import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

_CONNECTIONS = 4
_TIMEOUT_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Asked:
    """One request: when it was to be asked (time.time), seconds from then to its answer, status, and answer."""

    at: float
    seconds: float
    status: int
    answer: Mapping[str, object]

    def number(self, name: str) -> int:
        """A whole number of the answer."""
        value = self.answer[name]
        assert isinstance(value, int)
        return value


@dataclass(slots=True)
class SteadyLoad:
    """The requests, once they have ended."""

    asked: list[Asked] = field(default_factory=list)


@contextmanager
def steady_load(url: str, token: str, a_second: int) -> Iterator[SteadyLoad]:
    """Ask for `url` within the block. Raises CalledProcessError when a connection breaks."""
    command = [sys.executable, "-m", "benchmarks.steady_load"]
    load = SteadyLoad()
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        process.stdin.write(json.dumps({"url": url, "token": token, "a_second": a_second}) + "\n")
        process.stdin.flush()
        try:
            yield load
        finally:
            out, _ = process.communicate(timeout=_TIMEOUT_SECONDS)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    load.asked += (Asked(*json.loads(line)) for line in out.splitlines())


def _ask(
    order: Mapping[str, str], no: int, first: float, every: float, ended: threading.Event, lines: list[str]
) -> None:
    parts = urlsplit(order["url"])
    connection = http.client.HTTPConnection(parts.netloc, timeout=_TIMEOUT_SECONDS)
    headers = {"Authorization": f"Bearer {order['token']}"}
    at = first + no * every
    while not ended.wait(max(0.0, at - time.time())):
        connection.request("GET", parts.path, headers=headers)
        response = connection.getresponse()
        answer = json.load(response)
        lines.append(json.dumps([at, time.time() - at, response.status, answer.get("data", {})]))
        at += _CONNECTIONS * every


def main() -> None:
    """Ask until stdin ends."""
    order = json.loads(sys.stdin.readline())
    ended, lines = threading.Event(), list[str]()
    every = 1 / order["a_second"]
    first = time.time() + 0.1
    threads = [
        threading.Thread(target=_ask, args=(order, no, first, every, ended, lines)) for no in range(_CONNECTIONS)
    ]
    for thread in threads:
        thread.start()
    sys.stdin.read()
    ended.set()
    for thread in threads:
        thread.join()
    print("\n".join(lines))


if __name__ == "__main__":
    main()
