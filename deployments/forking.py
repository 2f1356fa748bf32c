"""Forks processes for launchers: one event loop, one thread, no knowledge of what the processes run."""

import contextlib
import os
import selectors
import signal
import socket
import struct
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from deployments.flow_request import (
    DESCRIPTORS,
    ENDING,
    FORWARDED,
    LENGTH,
    READY,
    REFUSED,
    REQUEST_MAX,
    STARTED,
    FlowRequest,
    address_in,
)

_REQUEST_SECONDS = 5.0
_CLIENTS_MAX = 250  # with four descriptors each they stay below the usual limit of 1,024
_WATCHED = (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD)
_CREDENTIALS = struct.Struct("3i")  # pid, user, group


@dataclass
class Fork:
    """What a forked process gets: the request, its descriptors, and who must be its parent."""

    request: FlowRequest
    descriptors: list[int]
    parent: int


@dataclass(eq=False)
class _Client:
    """A launcher: first its request comes in, then its process runs."""

    connection: socket.socket
    deadline: float
    received: bytearray = field(default_factory=bytearray)
    descriptors: list[int] = field(default_factory=list)
    pid: int | None = None

    def content(self) -> bytes | None:
        """The request once it is complete. Raises ValueError if it is none."""
        if len(self.received) < LENGTH.size:
            return None
        (length,) = LENGTH.unpack_from(self.received)
        if length > REQUEST_MAX or len(self.received) > LENGTH.size + length:
            raise ValueError("too large")
        if len(self.received) < LENGTH.size + length:
            return None
        if len(self.descriptors) != DESCRIPTORS:
            raise ValueError("without its descriptors")
        return bytes(self.received[LENGTH.size :])


class Forker:
    """Listens from the start, and forks once `serve` is called.

    Ends when the pipe at its standard input does (with whom it was started for), or on SIGTERM: it takes no more
    then, and stays until its last child has ended. Killed, it takes its children with it.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._listener: socket.socket | None = _listen(path)
        self._inode = path.stat().st_ino
        self._selector = selectors.DefaultSelector()
        self._clients: set[_Client] = set()
        self._by_pid: dict[int, _Client] = {}
        self._ending = False
        self._forked: Fork | None = None

    def serve(self) -> Fork | None:
        """Fork for whoever asks. Returns twice: None at the end, and in each forked process what it is to become."""
        assert self._listener is not None
        wake, waker = socket.socketpair()
        for end in (wake, waker):
            end.setblocking(False)
        signal.set_wakeup_fd(waker.fileno(), warn_on_full_buffer=False)
        for number in _WATCHED:
            signal.signal(number, self._on_signal)
        self._selector.register(sys.stdin.fileno(), selectors.EVENT_READ, self._on_input)
        self._selector.register(wake, selectors.EVENT_READ, lambda: wake.recv(4096))
        self._selector.register(self._listener, selectors.EVENT_READ, self._accept)
        while not (self._ending and not self._by_pid):
            for key, _ in self._selector.select(self._patience()):
                handle: Callable[[], object] = key.data
                handle()
                if self._forked is not None:
                    signal.set_wakeup_fd(-1)
                    self._leave(wake, waker)
                    return self._forked
            self._reap()
            self._drop_late()
            if self._ending:
                self._stop_listening()
        return None

    def _leave(self, *ends: socket.socket) -> None:
        """In the child: close what is the parent's. A launcher must see the end of its stream when the parent dies."""
        assert self._forked is not None
        self._selector.close()
        for client in self._clients:
            client.connection.close()
            if client.descriptors is not self._forked.descriptors:
                _close(client.descriptors)
        for end in (*ends, self._listener):
            if end is not None:
                end.close()

    def _on_signal(self, number: int, _frame: object) -> None:
        if number != signal.SIGCHLD:
            self._ending = True

    def _on_input(self) -> None:
        if not os.read(sys.stdin.fileno(), 4096):
            self._selector.unregister(sys.stdin.fileno())
            self._ending = True

    def _stop_listening(self) -> None:
        if self._listener is None:
            return
        self._selector.unregister(self._listener)
        self._listener.close()
        self._listener = None
        with contextlib.suppress(FileNotFoundError):
            if self._path.stat().st_ino == self._inode:  # and not that of the next one
                self._path.unlink()
        for client in [client for client in self._clients if client.pid is None]:
            self._refuse(client)

    def _accept(self) -> None:
        assert self._listener is not None
        try:
            connection, _ = self._listener.accept()
        except OSError:  # it is gone again, or there are no descriptors left
            return
        connection.setblocking(False)
        client = _Client(connection, time.monotonic() + _REQUEST_SECONDS)
        self._clients.add(client)
        self._selector.register(connection, selectors.EVENT_READ, lambda: self._read(client))
        _, user, _ = _CREDENTIALS.unpack(
            connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
        )
        if user != os.getuid() or len(self._clients) > _CLIENTS_MAX or not single_threaded():
            self._refuse(client)
        elif not _say(client, READY):
            self._drop(client)

    def _read(self, client: _Client) -> None:
        if client not in self._clients:  # dropped by an event before this one
            return
        try:
            if client.pid is not None:
                self._pass_on(client, client.pid, client.connection.recv(64))
                return
            data, descriptors, _, _ = socket.recv_fds(client.connection, 65536, DESCRIPTORS, socket.MSG_CMSG_CLOEXEC)
        except BlockingIOError:
            return
        except OSError:
            data, descriptors = b"", []
            if client.pid is not None:
                self._pass_on(client, client.pid, b"")
                return
        client.descriptors += descriptors
        client.received += data
        try:
            content = client.content()
            if content is not None:
                self._fork(client, FlowRequest.decode(content))
            elif not data:
                self._drop(client)
        except ValueError:
            self._refuse(client)

    def _pass_on(self, client: _Client, pid: int, data: bytes) -> None:
        """Signals from the launcher; its end is SIGKILL. The pid is the child's until `_reap` has waited for it."""
        if not data:
            self._selector.unregister(client.connection)
            os.kill(pid, signal.SIGKILL)
        for number in data:
            if number in FORWARDED:
                os.kill(pid, number)

    def _fork(self, client: _Client, request: FlowRequest) -> None:
        if not single_threaded():
            self._refuse(client)
            return
        sys.stdout.flush()
        sys.stderr.flush()
        parent = os.getpid()
        signal.pthread_sigmask(signal.SIG_BLOCK, _WATCHED)  # in the child: until it has handlers of its own
        try:
            pid = os.fork()
            if pid == 0:
                self._forked = Fork(request, client.descriptors, parent)
                return
        except OSError:  # no memory, or too many processes
            self._refuse(client)
        else:
            client.pid = pid
            self._by_pid[pid] = client
            _say(client, STARTED)
            _close(client.descriptors)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _WATCHED)

    def _reap(self) -> None:
        while self._by_pid:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return
            client = self._by_pid.pop(pid)
            _say(client, ENDING.pack(os.waitstatus_to_exitcode(status)))
            self._drop(client)

    def _patience(self) -> float | None:
        waiting = [client.deadline for client in self._clients if client.pid is None]
        return max(0.0, min(waiting) - time.monotonic()) if waiting else None

    def _drop_late(self) -> None:
        now = time.monotonic()
        for client in [client for client in self._clients if client.pid is None and client.deadline <= now]:
            self._refuse(client)

    def _refuse(self, client: _Client) -> None:
        _say(client, REFUSED)
        self._drop(client)

    def _drop(self, client: _Client) -> None:
        with contextlib.suppress(KeyError):
            self._selector.unregister(client.connection)
        client.connection.close()
        _close(client.descriptors)
        self._clients.discard(client)


def single_threaded() -> bool:
    """Whether this process may fork: another thread's locks would stay locked in the child for ever.

    The kernel's list: threads of native libraries are not in `threading`.
    """
    return len(list(Path("/proc/self/task").iterdir())) == 1


def _listen(path: Path) -> socket.socket:
    """Listen there, in the place of whoever did before; for this user alone."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.parent.chmod(0o700)
    folder = os.open(path.parent, os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        new = path.with_name(f"{path.name}.{os.getpid()}")
        new.unlink(missing_ok=True)
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        listener.bind(address_in(folder, new.name))
        new.chmod(0o600)
        listener.listen(128)
        listener.setblocking(False)
        new.replace(path)
        return listener
    finally:
        os.close(folder)


def _say(client: _Client, words: bytes) -> bool:
    """A few bytes, for which a socket always has room; False if the launcher is gone."""
    try:
        return client.connection.send(words) == len(words)
    except OSError:
        return False


def _close(descriptors: list[int]) -> None:
    while descriptors:
        os.close(descriptors.pop())
