"""A real DNS server on loopback."""

from collections.abc import Iterator

import pytest

from tests.support.dns_server import DnsServer


@pytest.fixture
def dns_server() -> Iterator[DnsServer]:
    with DnsServer().running() as server:
        yield server
