"""`exosend secrets rotate`: everything is stored anew, whatever ends it in between; nothing is opened without key."""

from collections.abc import Callable

import pytest
from sqlalchemy import text

from deployments.commands import secret_keys
from models.encryption import decrypt, encrypt
from models.errors import SetupError
from models.session import Database
from models.settings import Settings
from models.store.encrypted_columns import ENCRYPTED_COLUMNS
from models.store.organizations import add_verified_domain, create_organization
from models.store.provider_accounts import add_account

Run = Callable[..., str]
ACCOUNTS = 7


@pytest.fixture
def old(settings: Settings) -> Settings:
    """As everything was stored before. The roles' passwords are another matter: they keep their key."""
    return settings.with_values(secret_key="the key before")


@pytest.fixture
def stored(database: Database, old: Settings) -> None:
    with database.transaction(None) as session:
        organization = create_organization(session, name="Acme").id
        for number in range(ACCOUNTS):
            values = {"channel": "email", "vendor": "smtp", "name": f"n{number}", "url": f"smtp://host{number}"}
            add_account(session, old, organization, callback_keys=[f"key {number}"], actor="test", **values)  # type: ignore[arg-type]
        domain = add_verified_domain(session, organization, "acme.example")
        domain.dkim_public_key, domain.dkim_private_key = "public", encrypt(old, b"private")


def _opened(database: Database, settings: Settings) -> list[bytes]:
    """All that is opened under one key alone."""
    with database.transaction(None) as session:
        found = []
        for what in ENCRYPTED_COLUMNS:
            values = session.execute(text(f"SELECT {what.column} FROM {what.table} WHERE {what.column} IS NOT NULL"))
            for value in values.scalars():
                try:
                    found.append(decrypt(settings, value))
                except SetupError:
                    continue
        return sorted(found)


@pytest.mark.usefixtures("stored")
def test_everything_is_stored_under_the_new_key(
    exosend: Run, database: Database, settings: Settings, old: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = _opened(database, old)
    assert len(before) == 2 * ACCOUNTS + 1
    assert _opened(database, settings) == []
    monkeypatch.setenv("EXOSEND_SECRET_KEY_OLD", "the key before")
    monkeypatch.setattr(secret_keys, "_AT_ONCE", 3)
    assert exosend("secrets", "rotate").startswith(f"{2 * ACCOUNTS + 1} values were stored anew")
    assert _opened(database, settings) == before
    assert _opened(database, old) == []
    assert exosend("secrets", "rotate").startswith("0 values were stored anew")
    with database.transaction(None) as session:
        log = session.execute(text("SELECT details FROM audit_log WHERE action = 'secrets.rotated' ORDER BY id"))
        assert [entry["renewed"] for entry in log.scalars()] == [2 * ACCOUNTS + 1, 0]


@pytest.mark.usefixtures("stored")
def test_what_ended_halfway_is_opened_by_both_keys_and_goes_on(
    exosend: Run, database: Database, settings: Settings, old: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = _opened(database, old)
    monkeypatch.setenv("EXOSEND_SECRET_KEY_OLD", "the key before")
    monkeypatch.setattr(secret_keys, "_AT_ONCE", 3)
    renew, calls = secret_keys.renew_encryption, []

    def dies(*args: object, **values: object) -> object:
        done = renew(*args, **values)  # type: ignore[arg-type]
        calls.append(done)
        if len(calls) == 2:
            raise RuntimeError("killed")  # before the commit
        return done

    monkeypatch.setattr(secret_keys, "renew_encryption", dies)
    with pytest.raises(RuntimeError, match="killed"):
        exosend("secrets", "rotate")
    assert len(_opened(database, settings)) == 3
    both = settings.with_values(secret_key_old="the key before")
    assert _opened(database, both) == before
    assert exosend("secrets", "rotate").startswith(f"{2 * ACCOUNTS + 1 - 3} values")
    assert _opened(database, settings) == before


@pytest.mark.usefixtures("stored")
def test_what_no_key_opens_stays_as_it_is_and_is_told(exosend: Run, database: Database, old: Settings) -> None:
    with pytest.raises(SystemExit, match="15 values are opened by no key"):
        exosend("secrets", "rotate")
    assert len(_opened(database, old)) == 2 * ACCOUNTS + 1
