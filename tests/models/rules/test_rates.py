"""Rates of campaigns, the documented examples among them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.rules.rates import rate_number, rate_text


@pytest.mark.parametrize(
    ("part", "whole", "text"),
    [(2100, 4980, "42.2%"), (0, 10, "0.0%"), (5, 0, "0.0%"), (1, 1, "100.0%"), (1, 2000, "0.1%"), (1, 2001, "0.0%")],
)
def test_a_rate_as_text_has_one_decimal(part: int, whole: int, text: str) -> None:
    assert rate_text(part, whole) == text


@pytest.mark.parametrize(("part", "whole", "number"), [(2100, 4950, "42.4"), (50, 5000, "1"), (3, 0, "0"), (0, 9, "0")])
def test_a_rate_as_number_is_written_as_short_as_it_can_be(part: int, whole: int, number: str) -> None:
    assert repr(rate_number(part, whole)) == number


@given(st.integers(0, 10**9), st.integers(0, 10**9))
def test_text_and_number_say_the_same(part: int, whole: int) -> None:
    assert float(rate_text(part, whole).removesuffix("%")) == rate_number(part, whole)
