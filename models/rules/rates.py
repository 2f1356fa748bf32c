"""Rates of campaigns: a share in per cent with one decimal, rounded half up. No denominator, no rate: zero."""

from decimal import ROUND_HALF_UP, Decimal

_TENTH = Decimal("0.1")


def _percentage(part: int, whole: int) -> Decimal:
    if whole <= 0:
        return Decimal("0.0")
    return (Decimal(part * 100) / Decimal(whole)).quantize(_TENTH, rounding=ROUND_HALF_UP)


def rate_text(part: int, whole: int) -> str:
    """`"42.2%"` for 2100 of 4980; `"0.0%"` where there is no whole."""
    return f"{_percentage(part, whole)}%"


def rate_number(part: int, whole: int) -> int | float:
    """`42.4` for 2100 of 4950, `1` for 50 of 5000; `0` where there is no whole."""
    percentage = _percentage(part, whole)
    return int(percentage) if percentage == percentage.to_integral_value() else float(percentage)
