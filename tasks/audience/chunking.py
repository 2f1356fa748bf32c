"""A plan as rows for COPY: messages with their ids, and the chunks that senders lease."""

from uuid import UUID

import polars as pl

from models.rules.ids import POSITION_DIGITS, POSITIONS_MAX, run_message_prefix
from tasks.audience.frames import CHUNKS, KEPT, KEPT_SMS, MESSAGES, require_columns

CHUNK_SIZE_MIN = 500  # one full window: a smaller chunk would spend its time on leases
CHUNKS_PER_DRAINER = 4  # as many as a drainer must have for another flow run to pay


def chunk_size(messages: int, *, size_max: int, drainers: int) -> int:
    """How many messages a chunk of this run holds.

    `size_max` in large runs; in small ones so few that each of `drainers` gets some, but not less than a
    window.
    """
    share = -(-messages // (drainers * CHUNKS_PER_DRAINER))
    return min(size_max, max(CHUNK_SIZE_MIN, share))


def message_rows(kept: pl.DataFrame, run_id: UUID) -> pl.DataFrame:
    """The columns MESSAGES from a plan's KEPT or KEPT_SMS: the ids are made of run and position."""
    more = {name: kind for name, kind in KEPT_SMS.items() if name not in KEPT and name in kept.columns}
    require_columns(kept, {**KEPT, **more})
    assert kept.height <= POSITIONS_MAX, f"A run has at most {POSITIONS_MAX} messages."
    number = pl.col("position").cast(pl.String).str.zfill(POSITION_DIGITS)
    rows = kept.with_columns(id=pl.concat_str(pl.lit(run_message_prefix(run_id)), number))
    return require_columns(rows, {**MESSAGES, **more})


def chunk_rows(messages: int, size: int) -> pl.DataFrame:
    """The columns CHUNKS of a run with so many messages: positions without gaps, the last chunk may be smaller."""
    first = pl.int_range(0, messages, size, dtype=pl.Int32)
    rows = pl.select(first_position=first).with_columns(
        no=pl.int_range(pl.len(), dtype=pl.Int32),
        size=pl.min_horizontal(pl.lit(size), messages - pl.col("first_position")).cast(pl.Int32),
    )
    return require_columns(rows, CHUNKS)
