"""The longest matching prefix sets the price."""

from decimal import Decimal

import pytest

from models.rules.pricing import email_cost, sms_cost, sms_price

PRICES = {"1": Decimal("0.01"), "370": Decimal("0.035"), "3706": Decimal("0.04"), "44": Decimal("0.05")}


@pytest.mark.parametrize(
    ("number", "price"),
    [("+37061234567", "0.0400"), ("+37052123456", "0.0350"), ("+12015550123", "0.0100"), ("+491512345678", None)],
)
def test_the_longest_prefix_wins(number: str, price: str | None) -> None:
    assert sms_price(number, PRICES) == (Decimal(price) if price else None)


def test_a_free_destination_is_not_an_unknown_one() -> None:
    assert sms_price("+37061234567", {"370": Decimal(0)}) == Decimal(0)


def test_cost_is_count_times_price() -> None:
    assert sms_cost(3, Decimal("0.035")) == Decimal("0.1050")
    assert email_cost(1_000_000, Decimal("0.0001")) == Decimal(100)
