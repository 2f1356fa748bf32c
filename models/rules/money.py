"""Money: exact decimals with four places, at most ten digits before them. Never a float on the way in."""

from decimal import ROUND_HALF_UP, Decimal, InvalidOperation

MONEY_PLACES = 4
MONEY_MAX = Decimal("9999999999.9999")
ZERO = Decimal("0.0000")
_QUANTUM = Decimal(1).scaleb(-MONEY_PLACES)


def money(value: Decimal | int | str) -> Decimal:
    """The amount with exactly four places, rounded half up.

    Raises ValueError for what is not a finite number or does not fit numeric(14,4).
    """
    if isinstance(value, float):  # 0.105 is not 0.105 as a float: the caller must decide what it meant
        raise TypeError("Money is made of Decimal, int or str, never of float.")
    try:
        amount = Decimal(value).quantize(_QUANTUM, rounding=ROUND_HALF_UP)
    except InvalidOperation:
        raise ValueError(f"{str(value)[:40]!r} is not an amount of money.") from None
    if not amount.is_finite() or abs(amount) > MONEY_MAX:
        raise ValueError(f"{str(value)[:40]!r} is not an amount between -{MONEY_MAX} and {MONEY_MAX}.")
    return amount + 0 if amount else ZERO  # no negative zero


def json_number(amount: Decimal) -> int | float:
    """The amount as the number that JSON shows: `0.105`, `12`.

    Exact: 14 digits are fewer than the 15 that a float always gives back as they were.
    """
    exact = money(amount)
    return int(exact) if exact == exact.to_integral_value() else float(exact)
