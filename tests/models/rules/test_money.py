"""Money is exact, has four places, and rounds half up."""

import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.rules.money import MONEY_MAX, ZERO, json_number, money

AMOUNTS = st.decimals(-MONEY_MAX, MONEY_MAX, places=4)


@pytest.mark.parametrize(
    ("value", "amount"),
    [
        ("0.105", "0.1050"),
        (3, "3.0000"),
        (Decimal("0.00005"), "0.0001"),
        ("0.00004999", "0.0000"),
        ("-0.00005", "-0.0001"),
        ("-0.00001", "0.0000"),
    ],
)
def test_an_amount_has_four_places_rounded_half_up(value: Decimal | int | str, amount: str) -> None:
    assert str(money(value)) == amount


@pytest.mark.parametrize("value", ["", "ten", "NaN", "Infinity", "10000000000", "-10000000000", "1e400"])
def test_what_is_no_amount_or_does_not_fit_is_refused(value: str) -> None:
    with pytest.raises(ValueError, match="amount"):
        money(value)


def test_a_float_is_no_money() -> None:
    with pytest.raises(TypeError):
        money(0.105)  # type: ignore[arg-type]


def test_json_shows_money_as_short_numbers() -> None:
    assert (
        json.dumps([json_number(Decimal(text)) for text in ("0.105", "12", "99.9500", "0")]) == "[0.105, 12, 99.95, 0]"
    )


@given(AMOUNTS)
def test_the_number_in_json_is_the_exact_amount(amount: Decimal) -> None:
    assert Decimal(json.dumps(json_number(amount))) == amount


@given(st.lists(AMOUNTS.filter(lambda a: abs(a) < 1000), max_size=50))
def test_amounts_add_up_without_loss(amounts: list[Decimal]) -> None:
    assert money(sum(amounts, ZERO)) == sum(amounts)
