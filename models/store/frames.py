"""Postgres ⇄ Polars by COPY. A frame holds one organization; its columns are asserted on both sides.

Out: CSV, parsed by Polars (1M contacts in 1.3 s). In: CSV written by Polars, streamed in blocks, so the rows are
bytes before Python sees them (`write_row` reaches tens of thousands a second, this 250,000).
COPY FROM does not work under row-level security, so frames go in as exosend_engine.
"""

import io
from collections.abc import Mapping, Sequence

import polars as pl
from psycopg import sql
from sqlalchemy.orm import Session

from models.session import driver

_BLOCK_ROWS = 50_000  # about 10 MB of text at a time
_PARSED_BYTES = 16 * 1024 * 1024  # the text of a million rows and its parsing take three times the frame

ColumnTypes = Mapping[str, type[pl.DataType] | pl.DataType]


def read_frame(
    session: Session, query: sql.Composed, parameters: Sequence[object], columns: ColumnTypes
) -> pl.DataFrame:
    """The rows of a SELECT as a frame. NULL is null, an empty string is "".

    Every column travels as text and is cast to its type in `columns`. AssertionError when the query's columns are
    not those, in that order.
    """
    statement = sql.SQL("COPY ({}) TO STDOUT (FORMAT csv, HEADER)").format(query)
    parts: list[pl.DataFrame] = []
    with driver(session).cursor().copy(statement, parameters) as copy:
        rows = iter(copy)  # one whole row at a time, as libpq gives them
        found = bytes(next(rows)).decode().rstrip("\n").split(",")
        assert found == list(columns), f"The query gave {found} instead of {list(columns)}."
        text = io.BytesIO()
        for row in rows:
            text.write(row)
            if text.tell() >= _PARSED_BYTES:
                parts.append(_parse(text, columns))
                text = io.BytesIO()
        if text.tell() or not parts:
            parts.append(_parse(text, columns))
    return pl.concat(parts, rechunk=False)


def _parse(text: io.BytesIO, columns: ColumnTypes) -> pl.DataFrame:
    if not text.tell():
        return pl.DataFrame(schema=dict(columns))
    text.seek(0)
    frame = pl.read_csv(text, has_header=False, new_columns=list(columns), infer_schema=False)
    return frame.cast({name: kind for name, kind in columns.items() if kind != pl.String})


def write_frame(
    session: Session, table: str, frame: pl.DataFrame, constants: Mapping[str, object] | None = None
) -> int:
    """Append the frame's rows to a table whose columns have the same names; returns their number.

    `constants` are columns with one value for every row (organization, run, content …).
    """
    full = frame.with_columns(
        pl.lit(None if value is None else str(value), dtype=pl.String).alias(name)
        for name, value in (constants or {}).items()
    )
    statement = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT csv)").format(
        sql.Identifier(table), sql.SQL(", ").join(sql.Identifier(name) for name in full.columns)
    )
    with driver(session).cursor().copy(statement) as copy:
        for block in full.iter_slices(_BLOCK_ROWS):
            buffer = io.BytesIO()
            block.write_csv(buffer, include_header=False)
            copy.write(buffer.getbuffer())
    return full.height
