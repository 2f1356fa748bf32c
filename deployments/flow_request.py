"""What a flow process's launcher and the preloader say to each other, over a Unix stream socket (Linux).

    preloader   READY                        within GREETING_SECONDS, or the launcher does without it
    launcher    length, request, 3 descriptors
    preloader   STARTED or REFUSED
    launcher    a byte for each signal to pass on; the end of the stream means: kill it
    preloader   how it ended, and the end of the stream

Until it has sent its request a launcher may give up and run the flow itself; afterwards only when it is refused.
Otherwise one flow run could have two processes. Of the standard library only what is imported fast: each flow run's
start waits for this file (dataclasses, json and pathlib would be half of it).
"""

import os
import signal
import socket
import struct
from collections.abc import Mapping

SOCKET_VARIABLE = "EXOSEND_PRELOADER"
"""Names the preloader's socket, in the environment of a worker that has one."""

READY = b"+"
STARTED = b"s"
REFUSED = b"-"
GREETING_SECONDS = 10.0  # a preloader that is starting listens already; it imports for 3–6 s
STARTED_SECONDS = 30.0
REQUEST_MAX = 4 * 2**20  # bytes; the kernel's own limit for an environment is below that
DESCRIPTORS = 3
FORWARDED = frozenset({signal.SIGTERM, signal.SIGINT})

LENGTH = struct.Struct(">I")
ENDING = struct.Struct(">i")
"""An exit code, or a signal's number, negative: as subprocess.Popen.returncode."""


class FlowRequest:
    """What a flow process is made of, besides its three standard descriptors."""

    def __init__(self, folder: bytes, environment: Mapping[bytes, bytes]) -> None:
        self.folder = folder
        self.environment = environment

    @classmethod
    def of_this_process(cls) -> "FlowRequest":
        """The working directory and environment of the caller."""
        return cls(os.getcwdb(), dict(os.environb))  # noqa: PTH109 - bytes, and without pathlib

    def encode(self) -> bytes:
        """With its length in front. NUL separates, as in /proc/PID/environ: no name, value or path can have one."""
        variables = [name + b"=" + value for name, value in self.environment.items()]
        content = b"\0".join([self.folder, *variables])
        return LENGTH.pack(len(content)) + content

    @classmethod
    def decode(cls, content: bytes) -> "FlowRequest":
        """The request of the bytes after the length. Raises ValueError."""
        folder, *variables = content.split(b"\0")
        pairs = [variable.partition(b"=") for variable in variables]
        if not folder or any(not name or not separator for name, separator, _ in pairs):
            raise ValueError("not a folder and variables")
        return cls(folder, {name: value for name, _, value in pairs})


def connect(path: str) -> socket.socket:
    """A connection to the preloader's socket. Raises OSError."""
    folder = os.open(os.path.dirname(path), os.O_DIRECTORY | os.O_CLOEXEC)  # noqa: PTH120 - pathlib takes 5 ms
    try:
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            connection.settimeout(GREETING_SECONDS)
            connection.connect(address_in(folder, os.path.basename(path)))  # noqa: PTH119
        except OSError:
            connection.close()
            raise
        return connection
    finally:
        os.close(folder)


def address_in(folder: int, name: str) -> str:
    """A socket's address takes 107 bytes, and a data folder may be deeper than that."""
    return f"/proc/self/fd/{folder}/{name}"
