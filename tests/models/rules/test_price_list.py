"""Price lists as people write them."""

from datetime import date
from decimal import Decimal

import pytest

from models.errors import InvalidInput
from models.rules.price_list import ListedPrice, parse_price_list

_HEADER = "channel,prefix,currency,price,valid_from"


def _problems(*lines: str) -> dict[str, list[str]]:
    with pytest.raises(InvalidInput) as caught:
        parse_price_list(lines)
    return caught.value.errors


def test_prices_are_exact_and_comments_and_other_columns_are_left_out() -> None:
    lines = ["# ours", "", "countries,price,channel,prefix,currency,valid_from", "LT,0.035,sms,370,eur,2026-01-31"]
    assert parse_price_list(lines) == [ListedPrice("sms", "370", "EUR", Decimal("0.0350"), date(2026, 1, 31))]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("fax,370,EUR,0.035,2026-01-01", "channel must be sms or email."),
        ("sms,+370,EUR,0.035,2026-01-01", "prefix must be 1 to 15 digits, without +."),
        ("sms,,EUR,0.035,2026-01-01", "prefix must be 1 to 15 digits, without +."),
        ("email,370,EUR,0.035,2026-01-01", "prefix must be empty for email."),
        ("sms,370,euros,0.035,2026-01-01", "currency must be three letters."),
        ("sms,370,EUR,-1,2026-01-01", "price must be an amount from 0 to 10,000 with at most 4 decimals."),
        ("sms,370,EUR,0.00001,2026-01-01", "price must be an amount from 0 to 10,000 with at most 4 decimals."),
        ("sms,370,EUR,NaN,2026-01-01", "price must be an amount from 0 to 10,000 with at most 4 decimals."),
        ("sms,370,EUR,10000.0001,2026-01-01", "price must be an amount from 0 to 10,000 with at most 4 decimals."),
        ("sms,370,EUR,0.035,1.1.2026", "valid_from must be a day, as 2026-01-31."),
    ],
)
def test_a_wrong_line_is_named_by_its_number(line: str, message: str) -> None:
    assert _problems("# a comment counts", _HEADER, line) == {"line 3": [f"Line 3: {message}"]}


def test_every_wrong_line_is_told_at_once() -> None:
    right = "sms,370,EUR,0.035,2026-01-01"
    assert set(_problems(_HEADER, right, right, "sms", right.replace("370", "371"), "x" * 9)) == {
        "line 3",
        "line 4",
        "line 6",
    }


def test_a_file_that_is_no_price_list_is_refused() -> None:
    assert _problems() == {"file": ["The header lacks channel, prefix, currency, price, valid_from."]}
    assert _problems("prefix;price") == {"file": ["The header lacks channel, prefix, currency, price, valid_from."]}
    assert _problems(_HEADER) == {"file": ["There is no price in it."]}
