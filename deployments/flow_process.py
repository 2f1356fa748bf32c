"""The process of a flow run as Prefect's worker knows it: `python -m deployments.flow_process` in prefect.yaml.

It lets the worker's preloader fork a process that has everything imported, passes SIGTERM and SIGINT on to it, and
ends as it ends. Where no preloader is (another system than Linux, `prefect worker start` by hand, one that is
being restarted) it becomes `python -m prefect.engine`. Imports next to nothing.
"""

import contextlib
import os
import signal
import socket
import sys

from deployments.flow_request import (
    DESCRIPTORS,
    ENDING,
    FORWARDED,
    READY,
    REFUSED,
    SOCKET_VARIABLE,
    STARTED,
    STARTED_SECONDS,
    FlowRequest,
    connect,
)


def main() -> None:
    """Run the flow run that the environment names."""
    connection = _preloader()
    if connection is None or not _hand_over(connection):
        os.execv(sys.executable, [sys.executable, "-m", "prefect.engine"])  # noqa: S606 - what the worker would run
    _end_like(_ending(connection))


def _preloader() -> socket.socket | None:
    """A connection to a preloader that is ready to fork."""
    path = os.environ.get(SOCKET_VARIABLE)
    if not path:
        return None
    with contextlib.suppress(OSError):
        connection = connect(path)
        if connection.recv(1) == READY:
            return connection
        connection.close()
    return None


def _hand_over(connection: socket.socket) -> bool:
    """Whether the flow run has a process now; False if the preloader does not take it."""
    # A signal waits until there is somebody to pass it on to.
    signal.pthread_sigmask(signal.SIG_BLOCK, FORWARDED)
    try:
        connection.settimeout(STARTED_SECONDS)
        request = FlowRequest.of_this_process().encode()
        sent = socket.send_fds(connection, [request], range(DESCRIPTORS))
        connection.sendall(request[sent:])
    except OSError:
        answer = REFUSED  # of a part of a request nothing is made
    else:
        answer = _answer(connection)
    if answer == STARTED:
        connection.settimeout(None)
        for number in FORWARDED:
            if signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, lambda number, _: _pass_on(connection, number))
    elif answer != REFUSED:
        _end_like(-signal.SIGKILL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, FORWARDED)
    return answer == STARTED


def _answer(connection: socket.socket) -> bytes:
    with contextlib.suppress(OSError):
        return connection.recv(1)
    return b""


def _pass_on(connection: socket.socket, number: int) -> None:
    with contextlib.suppress(OSError):  # it has ended, and how comes next
        connection.send(bytes([number]))


def _ending(connection: socket.socket) -> int:
    """How the flow's process ended; as killed when the preloader is gone, since it is then."""
    answer = b""
    with contextlib.suppress(OSError):
        while len(answer) < ENDING.size and (more := connection.recv(ENDING.size - len(answer))):
            answer += more
    if len(answer) < ENDING.size:
        return -signal.SIGKILL
    code: int = ENDING.unpack(answer)[0]
    return code


def _end_like(code: int) -> None:
    if code < 0:
        if -code != signal.SIGKILL:
            signal.signal(-code, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, FORWARDED)
        os.kill(os.getpid(), -code)
    sys.exit(code if code >= 0 else 128 - code)


if __name__ == "__main__":
    main()
