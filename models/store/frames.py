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

ColumnTypes = Mapping[str, type[pl.DataType] | pl.DataType]


def read_frame(
    session: Session, query: sql.Composed, parameters: Sequence[object], columns: ColumnTypes
) -> pl.DataFrame:
    """The rows of a SELECT as a frame. NULL is null, an empty string is "".

    Every column travels as text and is cast to its type in `columns`. AssertionError when the query's columns are
    not those, in that order.
    """
    statement = sql.SQL("COPY ({}) TO STDOUT (FORMAT csv, HEADER)").format(query)
    buffer = io.BytesIO()
    with driver(session).cursor().copy(statement, parameters) as copy:
        for block in copy:
            buffer.write(block)
    buffer.seek(0)
    frame = pl.read_csv(buffer, infer_schema=False)
    assert frame.columns == list(columns), f"The query gave {frame.columns} instead of {list(columns)}."
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
