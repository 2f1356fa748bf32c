"""One stack for all tests from outside: real Prefect (with a password), real worker, real SMTP, real DNS."""

from collections.abc import Iterator

import pytest

from deployments.demo_stack import DemoStack, running_stack
from tests.support.dns_server import DnsServer
from tests.support.stack import Stack


@pytest.fixture(scope="session")
def dns_server() -> Iterator[DnsServer]:
    """The resolver that the stack asks."""
    with DnsServer().running() as server:
        yield server


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory, dns_server: DnsServer) -> Iterator[DemoStack]:
    """The stack."""
    folder = tmp_path_factory.mktemp("stack")
    with running_stack(folder, dns_resolver=dns_server.address, prefect_auth="exosend:of-the-tests") as stack:
        yield stack


@pytest.fixture
def stack(running: DemoStack) -> Iterator[Stack]:
    """The stack with an organization of the test's own."""
    joined = Stack.join(running)
    yield joined
    joined.client.close()
