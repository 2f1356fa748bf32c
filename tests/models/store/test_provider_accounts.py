"""Accounts with providers: their secrets are encrypted, and the API gets the keys of callbacks and nothing else."""

from collections.abc import Iterator
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError, ProgrammingError

from models.errors import InvalidInput, NotFound, SetupError
from models.rules.ids import new_id
from models.session import Database, Role
from models.settings import Settings
from models.store import provider_accounts as store
from models.store.organizations import create_organization
from models.tables import ProviderAccount
from tasks.providers.callback_accounts import callback_account

URL = "mailgun://api:a-secret-key@api.mailgun.net"


@pytest.fixture
def engine(settings: Settings) -> Iterator[Database]:
    database = Database(settings, Role.ENGINE, pool_size=2)
    yield database
    database.close()


@pytest.fixture
def api(settings: Settings) -> Iterator[Database]:
    database = Database(settings, Role.API, pool_size=1)
    yield database
    database.close()


@pytest.fixture
def acme(engine: Database) -> UUID:
    with engine.transaction(None) as session:
        return create_organization(session, name="Acme").id


def _add(engine: Database, settings: Settings, whose: UUID | None, name: str = "main", **values: object) -> UUID:
    given = {"channel": "email", "vendor": "mailgun", "name": name, "url": URL, "actor": "test", **values}
    with engine.transaction(None) as session:
        return store.add_account(session, settings, whose, **given).id  # type: ignore[arg-type]


def _read(engine: Database, account_id: UUID) -> ProviderAccount:
    with engine.transaction(None) as session:
        return store.read_account(session, account_id)


def test_an_account_comes_back_as_it_was_and_is_not_stored_so(engine: Database, settings: Settings, acme: UUID) -> None:
    row = _read(engine, _add(engine, settings, acme, callback_keys=["key one", "two"], priority=7, weight=3))
    account = store.to_account(row)
    assert (store.open_url(settings, account), account.priority, account.weight, account.countries) == (URL, 7, 3, None)
    assert account.provider == f"mailgun:{row.id}"
    with engine.transaction(None) as session:
        stored = session.execute(text("SELECT provider_accounts::text FROM provider_accounts")).scalars().all()
        log = session.execute(text("SELECT action || details FROM audit_log")).scalars().all()
    assert any("provider_account.added" in entry for entry in log)
    for secret in ("a-secret-key", "key one"):
        assert secret not in repr(account) + "".join(stored) + "".join(log)
        assert secret.encode() not in row.url_encrypted + (row.callback_keys_encrypted or b"")
    with pytest.raises(SetupError, match="secret key is not the one"):
        store.open_url(settings.with_values(secret_key="another"), account)


def test_a_name_is_taken_once_for_each_owner_and_channel(engine: Database, settings: Settings, acme: UUID) -> None:
    for whose in (acme, None):
        _add(engine, settings, whose)
        _add(engine, settings, whose, channel="sms", vendor="twilio")
        with pytest.raises(InvalidInput, match="name has already been taken"):
            _add(engine, settings, whose)
    with pytest.raises(NotFound):
        _add(engine, settings, new_id())


def test_the_database_refuses_what_no_routing_could_use(engine: Database, settings: Settings) -> None:
    for wrong in ({"weight": 0}, {"priority": -1}, {"channel": "fax"}, {"countries": ["LT"]}, {"rate_per_minute": 0}):
        with pytest.raises(IntegrityError, match="violates check constraint"):
            _add(engine, settings, None, **wrong)


def test_accounts_are_switched_off_and_on_and_removed(engine: Database, settings: Settings, acme: UUID) -> None:
    with engine.transaction(None) as session:
        globex = create_organization(session, name="Globex").id
    own, others, platform, off = (_add(engine, settings, whose, name) for whose, name in _four(acme, globex))
    _add(engine, settings, acme, channel="sms", vendor="twilio")
    with engine.transaction(None) as session:
        store.set_active(session, off, is_active=False, actor="test")
    with engine.transaction(None) as session:
        found = store.accounts_of(session, "email")
        assert [account.id for account in found] == [own, others, platform, off]
        assert [account.organization_id for account in found] == [acme, globex, None, None]
        assert [account.is_active for account in found] == [True, True, True, False]
        store.set_active(session, off, is_active=True, actor="test")
        store.remove_account(session, own, actor="test")
    with engine.transaction(None) as session:
        assert [account.id for account in store.accounts_of(session, "email")] == [others, platform, off]
        done = session.execute(text("SELECT action FROM audit_log WHERE actor = 'test' ORDER BY id DESC LIMIT 3"))
        assert [action.removeprefix("provider_account.") for action in done.scalars()] == [
            "removed",
            "enabled",
            "disabled",
        ]
        with pytest.raises(NotFound):
            store.read_account(session, own)


def _four(acme: UUID, globex: UUID) -> list[tuple[UUID | None, str]]:
    return [(acme, "a"), (globex, "b"), (None, "c"), (None, "d")]


def test_secrets_are_replaced_and_the_log_says_which(engine: Database, settings: Settings) -> None:
    account_id = _add(engine, settings, None, callback_keys=["old"])
    with engine.transaction(None) as session:
        changed = {"url": "mailgun://api:newer@api.mailgun.net", "callback_keys": ["old", "new"]}
        store.replace_secrets(session, settings, account_id, actor="test", **changed)  # type: ignore[arg-type]
        log = session.execute(text("SELECT details FROM audit_log ORDER BY id DESC LIMIT 1")).scalar_one()
    assert log["changed"] == ["callback_keys_encrypted", "url_encrypted"]
    assert "newer" in store.open_url(settings, store.to_account(_read(engine, account_id)))


def test_the_api_reads_its_own_and_the_platforms_accounts_and_none_of_their_secrets(
    engine: Database, api: Database, settings: Settings, acme: UUID
) -> None:
    with engine.transaction(None) as session:
        globex = create_organization(session, name="Globex").id
    own, platform = _add(engine, settings, acme), _add(engine, settings, None)
    _add(engine, settings, globex)
    with api.transaction(acme) as session:
        assert set(session.execute(text("SELECT id FROM provider_accounts")).scalars()) == {own, platform}
    for column in ("url_encrypted", "callback_keys_encrypted", "*"):
        with pytest.raises(ProgrammingError, match="permission denied"), api.transaction(acme) as session:
            session.execute(text(f"SELECT {column} FROM provider_accounts"))
    with pytest.raises(ProgrammingError, match="permission denied"), api.transaction(acme) as session:
        session.execute(text("UPDATE provider_accounts SET weight = 2"))


def test_the_api_gets_what_it_needs_to_believe_a_callback(
    engine: Database, api: Database, settings: Settings, acme: UUID
) -> None:
    own = _add(engine, settings, acme, callback_keys=["one", "two"])
    bare = _add(engine, settings, None)
    with engine.transaction(None) as session:
        store.set_active(session, own, is_active=False, actor="test")  # reports of what it sent still come
    with api.transaction(None) as session:
        found = callback_account(session, settings, "mailgun", str(own))
        assert found is not None
        assert (found.provider, found.channel, found.organization_id) == (f"mailgun:{own}", "email", acme)
        assert found.keys == ("one", "two")
        assert "one" not in repr(found)
        without = callback_account(session, settings, "mailgun", str(bare))
        assert without is not None
        assert (without.keys, without.organization_id) == ((), None)
        assert callback_account(session, settings, "twilio", str(own)) is None
        assert callback_account(session, settings, "mailgun", str(new_id())) is None
        assert callback_account(session, settings, "mailgun", "nonsense") is None


def test_the_account_of_the_environment_is_called_default(api: Database, settings: Settings) -> None:
    settings = settings.with_values(email_url="mailgun://api.mailgun.net", email_callback_keys=" one, two ,")
    with api.transaction(None) as session:
        found = callback_account(session, settings, "mailgun", "default")
        assert found is not None
        assert (found.provider, found.channel, found.organization_id) == ("mailgun", "email", None)
        assert found.keys == ("one", "two")
        assert callback_account(session, settings, "twilio", "default") is None
