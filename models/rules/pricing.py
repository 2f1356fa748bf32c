"""What a message costs: the price of the longest matching prefix for SMS, one price for email."""

from collections.abc import Mapping
from decimal import Decimal

from models.rules.money import money

PREFIX_DIGITS_MAX = 15  # E.164 numbers are no longer


def sms_price(number: str, prices: Mapping[str, Decimal]) -> Decimal | None:
    """The price of one segment to an E.164 number, or None where no price is known.

    `prices` maps digits without `+` ("370", "3706") to the price; the longest one that the number begins
    with wins.
    """
    digits = number.removeprefix("+")
    for length in range(min(len(digits), PREFIX_DIGITS_MAX), 0, -1):
        price = prices.get(digits[:length])
        if price is not None:
            return money(price)
    return None


def sms_cost(segments: int, price: Decimal) -> Decimal:
    """What a text of so many segments costs at that price of a segment."""
    return money(segments * price)


def email_cost(emails: int, price: Decimal) -> Decimal:
    """What so many emails cost at that price of one."""
    return money(emails * price)
