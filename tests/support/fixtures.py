"""Fixtures of the engine on real Postgres as its real role; a conftest imports them."""

from collections.abc import Callable, Iterator, Sequence

import pytest

from models.session import Database, Role
from models.settings import Settings
from tests.support.engine import Engine


@pytest.fixture
def database(settings: Settings) -> Iterator[Database]:
    """Connections as exosend_engine."""
    database = Database(settings, Role.ENGINE, pool_size=12)
    yield database
    database.close()


@pytest.fixture
def make_engine(settings: Settings, database: Database) -> Callable[..., Engine]:
    """An engine with an organization; keywords of `Engine.create`, and settings."""

    def make(*, contacts: int = 100, credits_: str = "1000", people: Sequence[str] = (), **values: object) -> Engine:
        chosen = settings.with_values(**{"chunk_size": 500, **values})
        return Engine.create(chosen, database, contacts=contacts, credits_=credits_, people=people)

    return make
