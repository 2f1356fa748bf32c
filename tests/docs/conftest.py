"""The API, running, and an organization with one of everything."""

from collections.abc import Iterator

import pytest

from models.session import Database, Role
from models.settings import Settings
from tests.support.browser import browser
from tests.support.server import running_api
from tests.support.world import World

__all__ = ["browser"]


@pytest.fixture(scope="session")
def api_url(session_settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where the API runs; one for all tests of the documentation."""
    with running_api(session_settings, tmp_path_factory.mktemp("api")) as url:
        yield url


@pytest.fixture
def world(settings: Settings, api_url: str) -> Iterator[World]:
    """An organization in a clean database."""
    database = Database(settings, Role.ENGINE, pool_size=2)
    world = World.create(settings, database, api_url)
    yield world
    world.client.close()
    database.close()
