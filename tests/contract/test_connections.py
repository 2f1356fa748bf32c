"""What clients that keep their connections rely on."""

import socket
import time
from urllib.parse import urlsplit

import pytest

from api.unread import READ_BYTES_MAX
from tests.support.world import World


def _head(path: str, length: int) -> bytes:
    return f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\n\r\n".encode()


def _answer(connection: socket.socket) -> tuple[bytes, bool]:
    """Status line of the next answer, and whether it says that the connection ends."""
    answer = b""
    while b"\r\n\r\n" not in answer:
        piece = connection.recv(65536)
        assert piece, "the connection was closed"
        answer += piece
    head, _, body = answer.partition(b"\r\n\r\n")
    fields = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:])
    while len(body) < int(fields[b"content-length"]):
        body += connection.recv(65536)
    return head.split(b"\r\n")[0], fields.get(b"connection") == b"close"


@pytest.mark.parametrize("path", ["/health/live", "/api/v1/contacts", "/api/v1/nothing-here", "/health/ready"])
def test_a_connection_outlives_an_answer_that_needed_no_body(world: World, path: str) -> None:
    address = urlsplit(world.url)
    with socket.create_connection((address.hostname, address.port), timeout=30) as connection:
        for _ in range(5):
            connection.sendall(_head(path, 20))
            time.sleep(0.005)  # the answer could be known by now, and the body is under way
            connection.sendall(b"x" * 20)
            status, ends = _answer(connection)
            assert status.startswith(b"HTTP/1.1 4")
            assert not ends


def test_an_answer_to_half_a_large_body_says_that_the_connection_ends(world: World) -> None:
    address = urlsplit(world.url)
    with socket.create_connection((address.hostname, address.port), timeout=30) as connection:
        connection.sendall(_head("/api/v1/contacts", 3 * READ_BYTES_MAX) + b"x" * READ_BYTES_MAX)
        assert _answer(connection) == (b"HTTP/1.1 401 Unauthorized", True)
