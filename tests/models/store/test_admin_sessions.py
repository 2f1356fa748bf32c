"""What the database itself lets the panel do: sessions it checks, rows it shows to a super admin's session alone."""

from collections.abc import Iterator
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError

from models.passwords import HASHER, hash_password, verify_password
from models.rules.roles import UserRole
from models.session import Database, Role
from models.settings import Settings
from models.store.admin_sessions import act_on_platform, close_session, open_session, read_session
from models.store.organizations import create_organization
from models.store.users import create_user

_PLATFORM = ["api_tokens", "audit_log", "organizations", "sender_ids", "users"]


@pytest.fixture
def engine(settings: Settings) -> Iterator[Database]:
    found = Database(settings, Role.ENGINE, pool_size=1)
    yield found
    found.close()


@pytest.fixture
def api(settings: Settings) -> Iterator[Database]:
    found = Database(settings, Role.API, pool_size=1)
    yield found
    found.close()


@pytest.fixture
def acme(engine: Database) -> UUID:
    with engine.transaction(None) as session:
        return create_organization(session, name="Acme").id


def _session_of(engine: Database, api: Database, role: UserRole, organization_id: UUID | None) -> str:
    with engine.transaction(None) as session:
        made = create_user(session, organization_id, name="X", email=f"{role}@example.com", role=role, actor="tests")
    with api.autocommit() as connection:
        return open_session(connection, made[0].id)


def _organizations(api: Database, id_: str) -> int:
    with api.transaction(None) as session:
        act_on_platform(session, id_)
        return int(session.execute(text("SELECT count(*) FROM organizations")).scalar_one())


def test_a_super_admins_session_opens_the_platform_until_it_ends(engine, api, acme) -> None:
    id_ = _session_of(engine, api, UserRole.SUPER_ADMIN, None)
    assert _organizations(api, id_) == 1
    with api.autocommit() as connection:
        close_session(connection, id_)
        assert read_session(connection, id_) is None
    assert _organizations(api, id_) == 0


def test_no_other_session_does_and_no_guess(engine, api, acme) -> None:
    assert _organizations(api, _session_of(engine, api, UserRole.OWNER, acme)) == 0
    assert _organizations(api, "guess") == 0


def test_without_a_session_no_row_of_another_organization_is_seen_or_written(engine, api, acme) -> None:
    _session_of(engine, api, UserRole.OWNER, acme)
    with api.transaction(None) as session:
        for table in _PLATFORM:
            assert session.execute(text(f"SELECT count(*) FROM {table}")).scalar_one() == 0
        assert session.execute(text("UPDATE organizations SET rate_limit = 1")).rowcount == 0
    with pytest.raises(ProgrammingError, match="row-level security"), api.transaction(None) as session:
        session.execute(text("INSERT INTO users (id, name, role) VALUES (gen_random_uuid(), 'X', 'super_admin')"))


@pytest.mark.parametrize("table", ["admin_sessions", "login_failures"])
def test_the_apis_role_reads_no_session(api: Database, table: str) -> None:
    with pytest.raises(ProgrammingError, match="permission denied"), api.transaction(None) as session:
        session.execute(text(f"SELECT 1 FROM {table}"))


def test_a_password_is_stored_as_argon2id_and_verified(monkeypatch: pytest.MonkeyPatch) -> None:
    stored = hash_password("a good long password")
    assert stored.startswith("$argon2id$v=19$m=65536,t=3,p=4$")
    assert not HASHER.check_needs_rehash(stored)
    assert verify_password(stored, "a good long password")
    assert not verify_password(stored, "a good long password ")
    assert not verify_password("not a hash", "x")
