"""Price lists as people write them: CSV, one price a line."""

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation

from models.errors import InvalidInput
from models.rules.money import MONEY_PLACES
from models.rules.pricing import PREFIX_DIGITS_MAX

COLUMNS = ("channel", "prefix", "currency", "price", "valid_from")
PRICES_MAX = 100_000  # of one file
PRICE_MAX = Decimal(10_000)  # so that 10,000 messages of ten segments still cost an amount of money
_PROBLEMS_MAX = 20  # that are told


@dataclass(frozen=True, slots=True)
class ListedPrice:
    """One line: what an email (`prefix` empty) or a segment of an SMS costs from a day on."""

    channel: str
    prefix: str
    currency: str
    price: Decimal
    valid_from: date


def parse_price_list(lines: Sequence[str]) -> list[ListedPrice]:
    """The prices of a CSV with a header; lines that begin with `#` are comments, other columns are ignored.

    Raises InvalidInput, with the numbers of the lines that are wrong (`line 7`), also for a price that is there twice.
    """
    numbered = [(number, line) for number, line in enumerate(lines, 1) if line.strip() and not line.startswith("#")]
    if len(numbered) > PRICES_MAX + 1:
        raise InvalidInput({"file": [f"A price list has {PRICES_MAX:,} lines at most."]})
    rows = csv.DictReader(line for _, line in numbered)
    missing = [name for name in COLUMNS if name not in (rows.fieldnames or ())]
    if missing:
        raise InvalidInput({"file": [f"The header lacks {', '.join(missing)}."]})
    prices: dict[tuple[str, str, str, date], ListedPrice] = {}
    problems: dict[str, list[str]] = {}
    for (number, _), row in zip(numbered[1:], rows, strict=False):
        texts = {name: (row[name] or "").strip() for name in COLUMNS}
        wrong = list(_problems(texts))
        if not wrong:
            price = _price(texts)
            key = (price.channel, price.prefix, price.currency, price.valid_from)
            wrong = ["It is there twice."] if key in prices else []
            prices[key] = price
        if wrong and len(problems) < _PROBLEMS_MAX:
            problems[f"line {number}"] = [f"Line {number}: {message}" for message in wrong]
    if problems:
        raise InvalidInput(problems)
    if not prices:
        raise InvalidInput({"file": ["There is no price in it."]})
    return list(prices.values())


def _problems(texts: dict[str, str]) -> Iterator[str]:
    channel, prefix = texts["channel"], texts["prefix"]
    if channel not in ("sms", "email"):
        yield "channel must be sms or email."
    if channel == "sms" and not (prefix.isascii() and prefix.isdigit() and len(prefix) <= PREFIX_DIGITS_MAX):
        yield f"prefix must be 1 to {PREFIX_DIGITS_MAX} digits, without +."
    if channel == "email" and prefix:
        yield "prefix must be empty for email."
    if not (texts["currency"].isascii() and texts["currency"].isalpha() and len(texts["currency"]) == 3):
        yield "currency must be three letters."
    if not _is_price(texts["price"]):
        yield f"price must be an amount from 0 to {PRICE_MAX:,} with at most {MONEY_PLACES} decimals."
    try:
        date.fromisoformat(texts["valid_from"])
    except ValueError:
        yield "valid_from must be a day, as 2026-01-31."


def _is_price(text: str) -> bool:
    try:
        price = Decimal(text)
    except InvalidOperation:
        return False
    return price.is_finite() and 0 <= price <= PRICE_MAX and price == round(price, MONEY_PLACES)


def _price(texts: dict[str, str]) -> ListedPrice:
    return ListedPrice(
        channel=texts["channel"],
        prefix=texts["prefix"],
        currency=texts["currency"].upper(),
        price=round(Decimal(texts["price"]), MONEY_PLACES),
        valid_from=date.fromisoformat(texts["valid_from"]),
    )
