"""The API, running, and an organization with one of everything."""

from collections.abc import Iterator

import pytest

from models.session import Database, Role
from models.settings import Settings
from tests.support.server import running_api
from tests.support.world import World


@pytest.fixture
def world(settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """An organization in a clean database, and an API of its own."""
    database = Database(settings, Role.ENGINE, pool_size=2)
    with running_api(settings, tmp_path_factory.mktemp("api")) as url:
        world = World.create(settings, database, url)
        yield world
        world.client.close()
    database.close()
