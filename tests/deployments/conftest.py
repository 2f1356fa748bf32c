"""Commands, run as an operator runs them, against the tests' database."""

from collections.abc import Callable, Iterator

import pytest

from deployments.cli import app
from models.session import Database, Role
from models.settings import Settings


@pytest.fixture
def exosend(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., str]:
    """Runs a command in this process; returns what it prints."""
    assert settings.database_url is not None
    assert settings.secret_key is not None
    monkeypatch.setenv("EXOSEND_DATABASE_URL", settings.database_url)
    monkeypatch.setenv("EXOSEND_SECRET_KEY", settings.secret_key.get_secret_value())

    def run(*arguments: str) -> str:
        app(list(arguments), result_action="return_value")
        return capsys.readouterr().out

    return run


@pytest.fixture
def database(settings: Settings) -> Iterator[Database]:
    """As the engine sees it."""
    found = Database(settings, Role.ENGINE, pool_size=2)
    yield found
    found.close()
