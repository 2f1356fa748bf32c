"""`exosend user`, against a database."""

import io
import json
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import text

from deployments import connection
from deployments.commands import user
from models.errors import InvalidInput, NotFound
from models.passwords import verify_password
from models.session import Database, Role
from models.settings import Settings
from models.store.organizations import create_organization


@pytest.fixture
def engine(settings: Settings):
    found = Database(settings, Role.ENGINE, pool_size=1)
    yield found
    found.close()


@pytest.fixture
def run(settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Runs a command on the tests' database; returns what it prints."""
    monkeypatch.setattr(connection, "load_settings", lambda **_: settings)

    def call(command: Callable[..., None], *arguments: str, **options: Any) -> str:
        command(*arguments, **options)
        return capsys.readouterr().out

    return call


def _row(engine: Database, email: str) -> Any:
    with engine.transaction(None) as session:
        return session.execute(text("SELECT * FROM users WHERE email = :email"), {"email": email}).one()


def test_a_super_admin_is_made_with_a_password_that_is_printed_once(run, engine) -> None:
    printed = run(user.create, email="Rita@Example.com", name="Rita  R", role="super_admin", json_output=True)
    made = json.loads(printed)
    assert (made["email"], made["role"], made["organization_id"]) == ("rita@example.com", "super_admin", None)
    row = _row(engine, "rita@example.com")
    assert (str(row.id), row.name, row.must_change_password) == (made["user_id"], "Rita R", True)
    assert verify_password(row.password_hash, made["password"])


def test_an_owner_is_made_with_a_password_from_the_standard_input(run, engine, monkeypatch) -> None:
    with engine.transaction(None) as session:
        organization = str(create_organization(session, name="Acme").id)
    monkeypatch.setattr("sys.stdin", io.StringIO("my own long password\n"))
    values = {"email": "olga@example.com", "name": "Olga", "role": "owner", "organization": organization}
    assert "password" not in run(user.create, **values, password_stdin=True)
    row = _row(engine, "olga@example.com")
    assert verify_password(row.password_hash, "my own long password")
    assert not row.must_change_password
    assert "olga@example.com  Acme" in run(user.show)


def test_a_password_is_replaced(run, engine, monkeypatch) -> None:
    run(user.create, email="rita@example.com", name="Rita", role="super_admin")
    made = json.loads(run(user.password, "rita@example.com", json_output=True))["password"]
    assert verify_password(_row(engine, "rita@example.com").password_hash, made)
    monkeypatch.setattr("sys.stdin", io.StringIO("short\n"))
    with pytest.raises(InvalidInput, match="12 to 200 characters"):
        run(user.password, "rita@example.com", password_stdin=True)
    assert verify_password(_row(engine, "rita@example.com").password_hash, made)


@pytest.mark.parametrize(
    ("values", "error"),
    [
        ({"role": "owner"}, "must be super_admin here"),
        ({"role": "super_admin", "organization": "01a2091f-0304-7559-990a-aaf4677ff251"}, "must be owner, member"),
        ({"role": "owner", "organization": "01a2091f-0304-7559-990a-aaf4677ff251"}, "Not found"),
        ({"role": "owner", "organization": "Acme"}, "is not the id of an organization"),
        ({"role": "super_admin", "email": "rita"}, "is not an email address"),
    ],
)
def test_what_cannot_be_is_said(run, values, error) -> None:
    with pytest.raises((InvalidInput, NotFound), match=error):
        run(user.create, **{"email": "rita@example.com", "name": "Rita", **values})
