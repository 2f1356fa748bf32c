"""A frame of another shape fails where it crosses a boundary, by name."""

import polars as pl
import pytest

from tasks.audience.frames import SUPPRESSED, require_columns


def test_just_the_agreed_columns_go_on_in_their_order() -> None:
    frame = pl.DataFrame({"more": [1], "b": [2], "a": ["x"]})
    assert require_columns(frame, {"a": pl.String, "b": pl.Int64}).columns == ["a", "b"]


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (pl.DataFrame({"email": ["x"]}), "recipient: missing instead of String"),
        (pl.DataFrame({"recipient": [1]}), "recipient: Int64 instead of String"),
    ],
)
def test_a_missing_column_or_another_type_is_named(frame: pl.DataFrame, message: str) -> None:
    with pytest.raises(AssertionError, match=message):
        require_columns(frame, SUPPRESSED)
