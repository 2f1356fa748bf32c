"""What docs/analysts.md promises of its columns, and of the role that reads them."""

import re
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import psycopg
import pytest
from psycopg import errors

import tests.support.engine
from models.session import Database, Role, conninfo, role_url
from models.settings import Settings
from models.store.results import RECIPIENTS
from tests.support.engine import Engine

_PAGE = (Path(__file__).parents[2] / "docs" / "analysts.md").read_text()
# Also: a view that nobody can write to says so before rights are looked at.
_REFUSALS = (errors.InsufficientPrivilege, errors.ReadOnlySqlTransaction, errors.ObjectNotInPrerequisiteState)
_VIEWS = ["runs", "recipients", "uncertain", "funnel", "daily_stats"]


@pytest.fixture
def analyst(settings: Settings) -> Iterator[psycopg.Connection]:
    with psycopg.connect(conninfo(role_url(settings, Role.ANALYST)), autocommit=True) as connection:
        yield connection


def _documented(view: str) -> list[str]:
    """The names in the first column of the view's table."""
    section = _PAGE.split(f"### `results.{view}`")[1].split("\n#")[0]
    cells = re.findall(r"^\| ([a-z_, ]+) \|", section, re.MULTILINE)
    return [name.strip() for cell in cells if cell != "column" for name in cell.split(",")]


@pytest.mark.parametrize("view", _VIEWS)
def test_the_columns_are_those_that_are_documented(analyst: psycopg.Connection, view: str) -> None:
    columns = analyst.execute(
        "SELECT column_name::text FROM information_schema.columns"
        " WHERE table_schema = 'results' AND table_name = %s ORDER BY ordinal_position",
        [view],
    ).fetchall()
    assert [name for (name,) in columns] == _documented(view)


def test_the_file_has_the_columns_of_recipients_without_the_organization() -> None:
    assert list(RECIPIENTS) == [name for name in _documented("recipients") if name != "organization_id"]
    assert RECIPIENTS["cost"] == pl.Decimal(14, 4)


def test_the_role_reads_every_organization(
    settings: Settings, analyst: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = Database(settings, Role.ENGINE, pool_size=3)
    try:
        Engine.create(settings, database, contacts=2).planned()
        monkeypatch.setattr(tests.support.engine, "DOMAIN", "globex.example.com")
        Engine.create(settings, database, contacts=3).planned()
    finally:
        database.close()
    assert analyst.execute("SELECT recipients FROM results.runs ORDER BY 1").fetchall() == [(2,), (3,)]
    assert analyst.execute("SELECT count(DISTINCT organization_id) FROM results.recipients").fetchone() == (2,)


def test_the_role_reads_nothing_but_the_views(analyst: psycopg.Connection) -> None:
    readable = analyst.execute(
        "SELECT relnamespace::regnamespace || '.' || relname FROM pg_class"
        " WHERE relkind IN ('r', 'p', 'v', 'm', 'f') AND relnamespace::regnamespace::text NOT IN"
        " ('pg_catalog', 'information_schema', 'pg_toast')"
        " AND has_schema_privilege(relnamespace, 'USAGE') AND has_table_privilege(oid, 'SELECT') ORDER BY 1"
    ).fetchall()
    assert [name for (name,) in readable] == sorted(f"results.{view}" for view in _VIEWS)
    # A function of the owner would be a way around that.
    callable_ones = analyst.execute(
        "SELECT proname FROM pg_proc WHERE pronamespace::regnamespace::text IN ('public', 'results')"
        " AND prosecdef AND has_function_privilege(oid, 'EXECUTE')"
    ).fetchall()
    assert callable_ones == []


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT * FROM public.contacts",
        "SELECT * FROM public.messages",
        "SELECT * FROM public.api_tokens",
        "DELETE FROM results.recipients",
        "UPDATE results.funnel SET dropped = 0",
        "INSERT INTO results.daily_stats (day) VALUES (now())",
        "CREATE TABLE results.own (id int)",
        "CREATE TABLE public.own (id int)",
        "CREATE SCHEMA own",
        "SET ROLE exosend_engine",
    ],
)
def test_the_role_is_refused_everything_else(analyst: psycopg.Connection, statement: str) -> None:
    with pytest.raises(_REFUSALS):
        analyst.execute(statement)  # type: ignore[arg-type]


@pytest.mark.parametrize("statement", ["SELECT * FROM public.messages", "DELETE FROM results.recipients"])
def test_the_role_is_refused_also_where_it_says_that_it_will_write(analyst: psycopg.Connection, statement: str) -> None:
    analyst.execute("SET default_transaction_read_only = off")
    with pytest.raises(_REFUSALS):
        analyst.execute(statement)  # type: ignore[arg-type]


def test_statements_of_the_role_end_after_ten_minutes(analyst: psycopg.Connection) -> None:
    assert analyst.execute("SHOW statement_timeout").fetchone() == ("10min",)
