"""Forms with bracketed names."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.bracketed import DEPTH_MAX, read_bracketed
from models.errors import InvalidInput
from tests.support.forms import form_of

keys = st.text("abcxyz_", min_size=1, max_size=3)
trees = st.recursive(
    st.text(max_size=5),
    lambda inner: st.lists(inner, min_size=1, max_size=3) | st.dictionaries(keys, inner, min_size=1),
    max_leaves=8,
)


def _depth(value: Any) -> int:
    members = value.values() if isinstance(value, dict) else value if isinstance(value, list) else []
    return 1 + max(map(_depth, members), default=0) if members else 0


@given(form=st.dictionaries(keys, trees.filter(lambda tree: _depth(tree) < DEPTH_MAX), max_size=4))
def test_what_is_written_with_brackets_is_read_again(form: dict[str, Any]) -> None:
    assert read_bracketed(form_of(form)) == form


def test_empty_brackets_are_the_next_place() -> None:
    parts = [("a[]", 1), ("a[]", 2), ("b[][c]", 3), ("b[][c]", 4), ("d[7]", 5), ("d[]", 6), ("d[2]", 7)]
    assert read_bracketed(parts) == {"a": [1, 2], "b": [{"c": 3}, {"c": 4}], "d": [7, 5, 6]}


def test_the_last_of_two_counts_and_odd_names_are_names() -> None:
    odd = [("[a]", 1), ("a[b", 1), ("a]b", 1), ("", 1), ("x" * 501, 1), ("f[01]", 1), ("f[a]", 1)]
    assert read_bracketed([("a", 1), ("a", 2), *odd]) == {
        "a": 2, "[a]": 1, "a[b": 1, "a]b": 1, "": 1, "x" * 501: 1, "f": {"01": 1, "a": 1},
    }  # fmt: skip


@pytest.mark.parametrize(
    ("parts", "field"),
    [
        ([("a", 1), ("a[b]", 2)], "a"),
        ([("a[b][c]", 1), ("a[b]", 2)], "a.b"),
        ([("a" + "[0]" * DEPTH_MAX, 1)], "a"),
    ],
)
def test_a_name_with_a_value_and_parts_is_refused_and_so_is_one_too_deep(parts: list, field: str) -> None:
    with pytest.raises(InvalidInput) as error:
        read_bracketed(parts)
    assert list(error.value.errors) == [field]
