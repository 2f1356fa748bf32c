"""`exosend analyst-url`: an address that works, for the one role."""

from collections.abc import Callable

import psycopg
import pytest

from deployments.commands.analyst_url import analyst_url
from models.settings import Settings

Printed = Callable[[], str]


@pytest.fixture
def printed(capsys: pytest.CaptureFixture[str]) -> Printed:
    """The one line that the command prints."""

    def run() -> str:
        analyst_url()
        (line,) = capsys.readouterr().out.splitlines()
        return line

    return run


def test_the_address_leads_to_the_database_as_the_analysts_role(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, printed: Printed
) -> None:
    assert settings.database_url is not None
    assert settings.secret_key is not None
    monkeypatch.setenv("EXOSEND_DATABASE_URL", settings.database_url)
    monkeypatch.setenv("EXOSEND_SECRET_KEY", settings.secret_key.get_secret_value())
    with psycopg.connect(printed()) as connection:
        assert connection.execute("SELECT current_user::text, count(*) FROM results.runs").fetchone() == (
            "exosend_analyst",
            0,
        )


def test_an_address_that_is_set_is_printed_as_it_is(monkeypatch: pytest.MonkeyPatch, printed: Printed) -> None:
    monkeypatch.setenv("EXOSEND_ANALYST_DATABASE_URL", "postgresql://reader:secret@replica.example.com/exosend")
    assert printed() == "postgresql://reader:secret@replica.example.com/exosend"
