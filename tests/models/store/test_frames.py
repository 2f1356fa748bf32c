"""Rows of Postgres as frames."""

from collections.abc import Iterator

import polars as pl
import pytest
from psycopg import sql

from models.session import Database, Role
from models.settings import Settings
from models.store import frames
from models.store.frames import ColumnTypes, read_frame

COLUMNS: ColumnTypes = {"no": pl.Int32, "name": pl.String, "cost": pl.Decimal(14, 4)}
ROWS = [
    (1, 'She said "so"', None),
    (2, "", "0.0100"),
    (3, "two\nlines, and a comma", "12.5000"),
    (4, None, "0.0000"),
    (5, "ąž", "1.0000"),
]
QUERY = sql.SQL(
    "SELECT no, name, cost FROM unnest(%s::int[], %s::text[], %s::numeric[]) AS r (no, name, cost) ORDER BY no"
).format()


@pytest.fixture
def database(settings: Settings) -> Iterator[Database]:
    found = Database(settings, Role.ENGINE, pool_size=1)
    yield found
    found.close()


def _read(database: Database, rows: list[tuple[int, str | None, str | None]], columns: ColumnTypes) -> pl.DataFrame:
    with database.transaction(None) as session:
        return read_frame(session, QUERY, [[row[place] for row in rows] for place in range(3)], columns)


@pytest.mark.parametrize("at_once", [1, 40, frames._PARSED_BYTES])
def test_rows_are_the_same_however_many_are_parsed_at_once(
    database: Database, monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    monkeypatch.setattr(frames, "_PARSED_BYTES", at_once)
    frame = _read(database, ROWS, COLUMNS)
    assert frame.schema == COLUMNS
    assert [(no, name, None if cost is None else f"{cost:.4f}") for no, name, cost in frame.iter_rows()] == ROWS


def test_no_rows_are_a_frame_of_the_same_columns(database: Database) -> None:
    frame = _read(database, [], COLUMNS)
    assert (frame.height, frame.schema) == (0, COLUMNS)


def test_other_columns_than_those_asked_for_are_a_mistake_here(database: Database) -> None:
    with pytest.raises(AssertionError, match="instead of"):
        _read(database, ROWS, {"no": pl.Int32, "cost": pl.Decimal(14, 4), "name": pl.String})
