"""The migrations make what models/tables says, one after the other, and take it away again."""

from pathlib import Path

import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine

import models.migrations
from models.migrations.run import current_revision, downgrade, head_revision, upgrade
from models.session import psycopg_url
from models.settings import Settings
from models.tables import Base

_SCRIPTS = ScriptDirectory(str(Path(models.migrations.__file__).parent))
_PARTITIONED = ("messages_", "events_")


@pytest.fixture
def empty(empty_database_url: str, session_settings: Settings) -> Settings:
    """Settings of a database without a schema."""
    return session_settings.with_values(database_url=empty_database_url)


def _tables(url: str) -> set[str]:
    with psycopg.connect(url) as connection:
        rows = connection.execute(
            "SELECT relnamespace::regnamespace || '.' || relname FROM pg_class"
            " WHERE relnamespace::regnamespace::text IN ('public', 'results') AND relkind IN ('r', 'p', 'v')"
        )
        return {row[0] for row in rows}


def _differences(connection: Connection) -> list[object]:
    def is_declared(name: str | None, kind: str, _parents: object) -> bool:
        # Partitions are made month by month, not by a migration.
        return not (kind == "table" and (name or "").startswith(_PARTITIONED))

    options = {"include_name": is_declared, "compare_server_default": True}
    return list(compare_metadata(MigrationContext.configure(connection, opts=options), Base.metadata))


def test_there_is_one_head_and_one_line_to_it() -> None:
    assert len(_SCRIPTS.get_heads()) == 1
    assert head_revision() == _SCRIPTS.get_current_head()
    assert all(not revision.is_merge_point and not revision.is_branch_point for revision in _SCRIPTS.walk_revisions())


def test_up_down_and_up_again_gives_the_same_schema(empty: Settings) -> None:
    url = empty.database_url
    assert url is not None
    upgrade(url, empty)
    made = _tables(url)
    assert {"public.messages", "public.messages_default", "results.recipients"} <= made
    downgrade(url, "base")
    assert _tables(url) == {"public.alembic_version"}
    upgrade(url, empty)
    assert _tables(url) == made


def test_each_migration_can_be_taken_back_alone(empty: Settings) -> None:
    url = empty.database_url
    assert url is not None
    upgrade(url, empty)
    made = _tables(url)
    for revision in [script.down_revision for script in _SCRIPTS.walk_revisions()]:
        if revision is None:
            continue
        assert isinstance(revision, str)
        downgrade(url, revision)
        upgrade(url, empty)
        assert _tables(url) == made


def test_migrating_twice_changes_nothing(settings: Settings, owner_url: str) -> None:
    before = _tables(owner_url)
    upgrade(owner_url, settings)
    assert _tables(owner_url) == before


def test_the_tables_are_those_of_the_models(settings: Settings, owner_url: str) -> None:
    engine = create_engine(psycopg_url(owner_url))
    try:
        with engine.connect() as connection:
            assert current_revision(connection) == head_revision()
            assert _differences(connection) == []
    finally:
        engine.dispose()
