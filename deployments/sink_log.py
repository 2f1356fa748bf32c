"""The accept log of the mail sink: the witness of what was delivered, beside what ExoSend's own tables say."""

import json
import os
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TypedDict


class Accepted(TypedDict):
    """One line of the log. `time` in seconds since 1970, `bytes` of the message without dot-stuffing,
    `message_id` the header without its angle brackets ("" if there is none), `connection` counted from 1."""

    time: float
    recipient: str
    message_id: str
    bytes: int
    connection: int


class AcceptLog:
    """Appends one JSON line per accepted recipient, by one write to the kernel each, before the reply goes out.

    So a SIGKILL of the sink loses no line whose 250 was sent (a crash of the machine may).
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)

    def write(self, recipients: list[str], message_id: str, size: int, connection: int) -> None:
        """One message, accepted for these recipients."""
        now = time.time()
        rest = f'"message_id": {json.dumps(message_id)}, "bytes": {size}, "connection": {connection}}}\n'
        lines = "".join(
            f'{{"time": {now:.6f}, "recipient": {json.dumps(recipient)}, {rest}' for recipient in recipients
        )
        os.write(self._file, lines.encode())

    def close(self) -> None:
        """Close the file."""
        os.close(self._file)


def read_entries(path: Path) -> Iterator[Accepted]:
    """All lines of the log, oldest first. A last line cut short by a crash is left out; no file is an empty log."""
    if not path.exists():
        return
    with path.open("rb") as file:
        for line in file:
            if line.endswith(b"\n"):
                yield json.loads(line)


def read_log(path: Path) -> Counter[str]:
    """How often each recipient was accepted."""
    return Counter(entry["recipient"] for entry in read_entries(path))
