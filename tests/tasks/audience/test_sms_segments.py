"""Segments of a column, against the rule that splits one text."""

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.rules.sms import GSM7, split_sms
from tasks.audience.sms_segments import segments_expression

EDGES = [
    "",
    "a" * 160,
    "a" * 161,
    "a" * 306,
    "a" * 307,
    "a" * 158 + "€",
    "a" * 159 + "€",
    "a" * 152 + "€" + "a" * 10,
    "€" * 80,
    "€" * 81,
    "€" * 153,
    ("a" + "€" * 76) * 2,
    "\f" * 81,
    "a\n" * 90,
    "ė" * 70,
    "ė" * 71,
    "😀" * 35,
    "😀" * 70,
    ("ė" * 66 + "😀") * 4,
    "n" * 66 + "😀HL",
    "\x1b" * 71,
    "^" * 40 + "-]" * 80,
]

_texts = (
    st.text(st.sampled_from([*GSM7, *"^{}\\[~]|€\f" * 6]), max_size=700)
    | st.text(max_size=300)
    | st.text(st.sampled_from("aė😀👩\u200d€nHL\n"), max_size=400)
)


def _segments(texts: list[str]) -> list[int]:
    return pl.DataFrame({"text": texts}).select(segments_expression(pl.col("text"))).to_series().to_list()


@pytest.mark.parametrize("text", EDGES)
def test_the_edges_of_the_rule(text: str) -> None:
    assert _segments([text]) == [len(split_sms(text).segments)]


@given(st.lists(_texts, min_size=1, max_size=4))
def test_any_text_has_as_many_segments_as_it_is_split_into(texts: list[str]) -> None:
    assert _segments(texts) == [len(split_sms(text).segments) for text in texts]


@given(st.sampled_from(["€a", "😀ė"]), st.data())
def test_long_texts_full_of_pairs_too(characters: str, data: st.DataObject) -> None:
    text = "".join(data.draw(st.lists(st.sampled_from(characters), min_size=60, max_size=800)))
    assert _segments([text]) == [len(split_sms(text).segments)]
