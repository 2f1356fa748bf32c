"""Chunks cover all positions once; messages carry the ids of their positions."""

from decimal import Decimal
from uuid import UUID

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.rules.ids import message_id, new_id
from tasks.audience.chunking import chunk_rows, chunk_size, message_rows
from tasks.audience.frames import CHUNKS, KEPT, MESSAGES


@pytest.mark.parametrize(
    ("messages", "drainers", "size"),
    [(0, 2, 500), (1, 2, 500), (4_000, 2, 500), (20_000, 2, 2_500), (40_000, 2, 5_000), (1_000_000, 2, 5_000)],
)
def test_small_runs_have_smaller_chunks(messages: int, drainers: int, size: int) -> None:
    assert chunk_size(messages, size_max=5_000, drainers=drainers) == size


def test_a_chunk_is_never_larger_than_it_may_be() -> None:
    assert chunk_size(1_000, size_max=10, drainers=2) == 10


@given(st.integers(0, 3_000), st.integers(1, 700))
def test_chunks_cover_every_position_once(messages: int, size: int) -> None:
    chunks = chunk_rows(messages, size)
    assert chunks.schema == CHUNKS
    positions = [p for _, first, count in chunks.rows() for p in range(first, first + count)]
    assert positions == list(range(messages))
    assert chunks["no"].to_list() == list(range(chunks.height))
    assert chunks["size"].is_between(1, size).all()


def test_messages_carry_the_ids_of_run_and_position() -> None:
    run_id = new_id()
    kept = pl.DataFrame(
        [(str(UUID(int=n)), f"{n}@example.com", "{}", n, Decimal("0.0010")) for n in range(1_200)],
        schema=dict(KEPT),
        orient="row",
    )
    messages = message_rows(kept, run_id)
    assert messages.schema == MESSAGES
    assert messages["id"].to_list() == [str(message_id(run_id, n)) for n in range(1_200)]
    assert messages.drop("id").equals(kept.select(MESSAGES.keys() - {"id"}).select(messages.drop("id").columns))
