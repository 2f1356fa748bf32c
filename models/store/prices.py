"""Prices of SMS, and the lists they come from.

The list of a channel and currency is in force as a whole, from its day on until a later one begins: what a newer list
does not name has no price any more. Else a long prefix of an old list would go on beating the new price of its country.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from itertools import groupby
from uuid import UUID

from sqlalchemy import delete, insert, text
from sqlalchemy.orm import Session

from models.rules.price_list import ListedPrice
from models.rules.pricing import PREFIX_DIGITS_MAX, sms_price
from models.store.organizations import audit
from models.tables import Price

# Days are those of UTC. The day is looked for once: as a condition on `prices` it was, for each of their rows.
LIST_IN_FORCE = """
    SELECT o.currency, (
        SELECT max(valid_from) FROM prices
        WHERE channel = 'sms' AND currency = o.currency AND valid_from <= (now() AT TIME ZONE 'UTC')::date
    ) AS valid_from
    FROM organizations o WHERE o.id = {organization}
"""
_IN_FORCE = f"""
    WITH list AS MATERIALIZED ({LIST_IN_FORCE.format(organization=":organization")})
    SELECT p.prefix, p.price FROM list JOIN prices p USING (currency, valid_from) WHERE p.channel = 'sms'
"""  # noqa: S608 - our own text
_ALL = text(_IN_FORCE)
_SOME = text(f"{_IN_FORCE} AND p.prefix = ANY(:prefixes)")
# Reading a whole list of some hundred prices takes about as long as looking for the prefixes of so many numbers.
_FEW = 50


@dataclass(frozen=True, slots=True)
class LoadedList:
    """A list that was loaded."""

    channel: str
    currency: str
    valid_from: date
    prices: int


def sms_prices(session: Session, organization_id: UUID, numbers: Collection[str]) -> dict[str, Decimal]:
    """What one segment to each of the E.164 numbers costs the organization today; numbers without a price are left out.

    One statement for all of them; the rule is `models.rules.pricing.sms_price`.
    """
    if len(numbers) <= _FEW:
        prefixes = {prefix for number in numbers for prefix in price_prefixes(number)}
        rows = session.execute(_SOME, {"organization": organization_id, "prefixes": list(prefixes)})
        prices = {row.prefix: row.price for row in rows}
    else:
        prices = sms_price_list(session, organization_id)
    found = ((number, sms_price(number, prices)) for number in numbers)
    return {number: price for number, price in found if price is not None}


def price_prefixes(number: str) -> list[str]:
    """The prefixes under which the price of an E.164 number may be listed."""
    return [number[1:end] for end in range(2, PREFIX_DIGITS_MAX + 2)]


def sms_price_list(session: Session, organization_id: UUID) -> dict[str, Decimal]:
    """The organization's prices of a segment today, by prefix, as `models.rules.pricing.sms_price` takes them."""
    return {row.prefix: row.price for row in session.execute(_ALL, {"organization": organization_id})}


def load_prices(session: Session, prices: Iterable[ListedPrice], *, actor: str, source: str) -> list[LoadedList]:
    """Put the lists in place of those of the same channel, currency and day; audited with `source`, the file's name."""
    loaded = []
    ordered = sorted(prices, key=_list_of)
    for (channel, currency, valid_from), members in groupby(ordered, key=_list_of):
        session.execute(
            delete(Price).where(Price.channel == channel, Price.currency == currency, Price.valid_from == valid_from)
        )
        rows = [
            {
                "channel": channel,
                "prefix": each.prefix,
                "currency": currency,
                "valid_from": valid_from,
                "price": each.price,
            }
            for each in members
        ]
        session.execute(insert(Price), rows)
        found = LoadedList(channel, currency, valid_from, len(rows))
        loaded.append(found)
        details = {"valid_from": valid_from.isoformat(), "prices": found.prices, "source": source}
        audit(session, None, actor=actor, action="prices.loaded", subject=f"{channel} {currency}", details=details)
    return loaded


def _list_of(price: ListedPrice) -> tuple[str, str, date]:
    return price.channel, price.currency, price.valid_from
