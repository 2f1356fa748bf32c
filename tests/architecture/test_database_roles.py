"""What each database role may do, and whose rows it sees: on every table, by asking PostgreSQL."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from uuid import UUID

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError

import tests.support.engine
from models.session import Database, Role, conninfo, role_url
from models.settings import Settings
from tests.support.engine import Engine
from tests.support.privileges import API_PRIVILEGES

_PRIVILEGES = ("SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE")
_APPEND_ONLY = {"audit_log", "events", "ledger_entries"}


def _tables(connection: psycopg.Connection, kinds: str = "rp") -> list[str]:
    """Tables of schema public, partitions left out."""
    rows = connection.execute(
        "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace"
        " AND relkind = ANY(%s) AND NOT relispartition ORDER BY 1",
        [list(kinds)],
    )
    return [row[0] for row in rows]


def _letters(connection: psycopg.Connection, role: Role, table: str) -> str:
    """What the role may do with the table, as first letters."""
    granted = connection.execute(
        "SELECT string_agg(left(wanted, 1), '' ORDER BY no) FROM unnest(%s::text[]) WITH ORDINALITY AS w (wanted, no)"
        " WHERE has_table_privilege(%s, %s::regclass, wanted)",
        [list(_PRIVILEGES), role.value, f"public.{table}"],
    ).fetchone()
    assert granted is not None
    return granted[0] or ""


@pytest.fixture
def connection(owner_url: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(owner_url) as found:
        yield found


def test_every_table_with_an_organization_shows_its_own_rows_only_even_to_its_owner(
    connection: psycopg.Connection,
) -> None:
    rows = connection.execute(
        "SELECT c.relname, c.relrowsecurity AND c.relforcerowsecurity,"
        " coalesce((SELECT bool_or(p.qual LIKE '%app_organization()%' AND p.cmd = 'ALL') FROM pg_policies p"
        "  WHERE p.schemaname = 'public' AND p.tablename = c.relname AND p.policyname = 'own_rows'), false)"
        " FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')"
        " AND NOT c.relispartition AND (c.relname = 'organizations' OR EXISTS (SELECT FROM pg_attribute a"
        "  WHERE a.attrelid = c.oid AND a.attname = 'organization_id' AND NOT a.attisdropped))"
    ).fetchall()
    assert len(rows) > 20
    assert [name for name, forced, has_policy in rows if not (forced and has_policy)] == []


def test_the_api_may_do_what_is_written_here_and_nothing_else(connection: psycopg.Connection) -> None:
    granted = {table: _letters(connection, Role.API, table) for table in _tables(connection)}
    assert {table: letters for table, letters in granted.items() if letters} == API_PRIVILEGES


def test_nobody_but_the_owner_reaches_a_partition_past_the_policies_of_its_table(
    connection: psycopg.Connection,
) -> None:
    partitions = connection.execute("SELECT relname FROM pg_class WHERE relispartition AND relkind = 'r'").fetchall()
    assert len(partitions) > 4
    assert {_letters(connection, Role.API, name) for (name,) in partitions} == {""}
    assert {_letters(connection, Role.ANALYST, name) for (name,) in partitions} == {""}


def test_what_was_written_to_ledger_log_and_events_stays_as_it_is(connection: psycopg.Connection) -> None:
    for table in _APPEND_ONLY:
        for role in Role:
            assert set(_letters(connection, role, table)) <= {"S", "I"}, (table, role)


def test_the_engine_writes_everything_else_and_empties_nothing(connection: psycopg.Connection) -> None:
    granted = {table: _letters(connection, Role.ENGINE, table) for table in _tables(connection)}
    read_only = {"alembic_version": "S", **dict.fromkeys(_APPEND_ONLY, "SI")}
    assert granted == {table: read_only.get(table, "SIUD") for table in granted}


def test_roles_are_what_their_names_say(connection: psycopg.Connection) -> None:
    rows = connection.execute(
        "SELECT rolname, rolcanlogin, rolbypassrls, rolsuper OR rolcreaterole OR rolcreatedb FROM pg_roles"
        " WHERE rolname = ANY(%s)",
        [["exosend_owner", *Role]],
    ).fetchall()
    assert {name: (login, bypasses, powers) for name, login, bypasses, powers in rows} == {
        "exosend_owner": (False, False, False),
        "exosend_api": (True, False, False),
        "exosend_engine": (True, True, False),
        "exosend_analyst": (True, False, False),
    }


@dataclass
class Two:
    """Two organizations that both have rows, and the API's connection."""

    acme: Engine
    globex: Engine
    api: Database

    def count(self, table: str, organization: UUID | None, where: str = "true") -> int:
        column = "id" if table == "organizations" else "organization_id"
        statement = text(f"SELECT count(*) FROM {table} WHERE {where}".replace("ORGANIZATION", column))
        with self.api.transaction(organization) as session:
            return int(session.execute(statement, {"acme": self.acme.organization_id}).scalar_one())


@pytest.fixture
def two(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Two]:
    engine = Database(settings, Role.ENGINE, pool_size=3)
    api = Database(settings, Role.API, pool_size=1)
    acme = Engine.create(settings, engine, contacts=3)
    monkeypatch.setattr(tests.support.engine, "DOMAIN", "globex.example.com")
    globex = Engine.create(settings, engine, contacts=4)
    acme.planned()
    globex.planned()
    yield Two(acme, globex, api)
    api.close()
    engine.close()


_FILLED = ["organizations", "campaigns", "chunks", "contact_list_members", "contact_lists", "contacts", "contents"]
_FILLED += ["email_domains", "ledger_entries", "messages", "runs"]


@pytest.mark.parametrize("table", _FILLED)
def test_the_api_sees_the_rows_of_the_organization_it_names_and_no_other(two: Two, table: str) -> None:
    assert two.count(table, None) == 0
    assert two.count(table, two.acme.organization_id, "ORGANIZATION = :acme") > 0
    assert two.count(table, two.acme.organization_id, "ORGANIZATION <> :acme") == 0
    assert two.count(table, two.globex.organization_id, "ORGANIZATION = :acme") == 0


def _try(two: Two, statement: str) -> Callable[[], int]:
    def run() -> int:
        with two.api.transaction(two.globex.organization_id) as session:
            result = session.execute(text(statement), {"acme": two.acme.organization_id})
            return int(result.rowcount)  # type: ignore[attr-defined]

    return run


def test_the_api_changes_nothing_of_another_organization(two: Two) -> None:
    assert _try(two, "UPDATE contacts SET first_name = 'x' WHERE organization_id = :acme")() == 0
    assert _try(two, "DELETE FROM contacts WHERE organization_id = :acme")() == 0
    assert _try(two, "UPDATE organizations SET balance = 0 WHERE id = :acme")() == 0


@pytest.mark.parametrize(
    ("statement", "refusal"),
    [
        ("UPDATE contacts SET organization_id = :acme", "row-level security"),
        (
            "INSERT INTO contact_lists (organization_id, id, name) VALUES (:acme, gen_random_uuid(), 'x')",
            "row-level security",
        ),
        ("UPDATE ledger_entries SET amount = 1", "permission denied"),
        ("DELETE FROM ledger_entries", "permission denied"),
        ("DELETE FROM messages", "permission denied"),
        ("SELECT 1 FROM messages_default", "permission denied"),
        ("SELECT 1 FROM rate_buckets", "permission denied"),
        ("UPDATE request_counts SET requests = 0", "permission denied"),
        ("SELECT 1 FROM results.runs", "permission denied"),
        ("SET ROLE exosend_engine", "permission denied"),
        ("ALTER TABLE contacts DISABLE ROW LEVEL SECURITY", "must be owner"),
        ("CREATE TABLE own (id int)", "permission denied"),
    ],
)
def test_the_api_is_refused(two: Two, statement: str, refusal: str) -> None:
    with pytest.raises(ProgrammingError, match=refusal):
        _try(two, statement)()


def test_the_roles_passwords_follow_from_the_secret_key(settings: Settings) -> None:
    urls = {role: role_url(settings, role) for role in Role}
    assert len({url.password for url in urls.values()}) == len(Role)
    other = settings.with_values(secret_key="another-key-for-tests")
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(conninfo(role_url(other, Role.API)))
