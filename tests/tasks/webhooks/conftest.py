"""Endpoints on loopback, which only a setting allows."""

from collections.abc import Iterator

import pytest

from models.session import Database
from models.settings import Settings
from models.store.organizations import create_organization
from tests.support.dns_server import DnsServer
from tests.support.receivers import Receiver


@pytest.fixture
def local(settings: Settings) -> Settings:
    """Settings by which this machine may be called."""
    return settings.with_values(webhooks_to_loopback=True)


@pytest.fixture
def organization_id(database: Database):
    with database.transaction(None) as session:
        return create_organization(session, name="Acme").id


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver().running() as found:
        yield found


@pytest.fixture
def dns_server() -> Iterator[DnsServer]:
    with DnsServer().running() as found:
        yield found
