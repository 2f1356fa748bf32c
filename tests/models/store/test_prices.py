"""Prices: every country has one, the longest prefix wins in SQL as in the rule, and a newer list stands alone."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from phonenumbers import (
    SUPPORTED_REGIONS,
    PhoneNumberFormat,
    PhoneNumberType,
    example_number_for_type,
    format_number,
    region_code_for_number,
)
from sqlalchemy import text

import models.migrations
from models.rules.price_list import ListedPrice, parse_price_list
from models.rules.pricing import sms_cost, sms_price
from models.session import Database, Role
from models.settings import Settings
from models.store.ledger import email_price
from models.store.organizations import create_organization
from models.store.prices import load_prices, sms_price_list, sms_prices

_EXAMPLES = Path(models.migrations.__file__).parent / "prices-2026-01-01.csv"


@pytest.fixture
def database(settings: Settings) -> Iterator[Database]:
    found = Database(settings, Role.ENGINE, pool_size=1)
    yield found
    found.close()


@pytest.fixture
def acme(database: Database) -> UUID:
    with database.transaction(None) as session:
        return create_organization(session, name="Acme").id


def _number(region: str, kind: int) -> str | None:
    number = example_number_for_type(region, kind)
    return None if number is None else str(format_number(number, PhoneNumberFormat.E164))


def _load(database: Database, day: date, prices: dict[str, str], currency: str = "EUR") -> None:
    rows = [ListedPrice("sms", prefix, currency, Decimal(price), day) for prefix, price in prices.items()]
    with database.transaction(None) as session:
        load_prices(session, rows, actor="operator", source="prices.csv")


def test_every_country_of_libphonenumber_has_a_price(database: Database, acme: UUID) -> None:
    numbers = {
        _number(region, kind)
        for region in SUPPORTED_REGIONS
        for kind in (PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE)
    }
    asked = sorted(numbers - {None})  # type: ignore[type-var]
    assert len(asked) > len(SUPPORTED_REGIONS)
    with database.transaction(acme) as session:
        prices = sms_prices(session, acme, asked)
    assert set(prices) == set(asked)
    assert all(price > 0 for price in prices.values())


def test_the_list_names_every_country_and_says_that_its_prices_are_examples() -> None:
    lines = _EXAMPLES.read_text().splitlines()
    assert "Example prices" in lines[0]
    assert "dated 2026-01-01" in lines[0]
    named = {country for line in lines if line.startswith("sms,") for country in line.rsplit(",", 1)[1].split()}
    assert named == set(SUPPORTED_REGIONS)
    assert {row.valid_from for row in parse_price_list(lines)} == {date(2026, 1, 1)}


@pytest.mark.parametrize("region", ["CA", "KZ", "JM", "PR", "VA", "IM", "JE", "GG", "AX", "SJ", "BQ", "TA", "YT"])
def test_a_country_that_shares_its_calling_code_has_prefixes_of_its_own(region: str) -> None:
    lines = _EXAMPLES.read_text().splitlines()
    country_of = {line.split(",")[1]: line.rsplit(",", 1)[1] for line in lines if line.startswith("sms,")}
    number = example_number_for_type(region, PhoneNumberType.FIXED_LINE)
    digits = format_number(number, PhoneNumberFormat.E164)[1:]
    longest = max((prefix for prefix in country_of if digits.startswith(prefix)), key=len)
    assert country_of[longest] == region == region_code_for_number(number)


def test_the_documented_examples_hold_exactly(database: Database, acme: UUID) -> None:
    with database.transaction(acme) as session:
        price = sms_prices(session, acme, ["+37061234567"])["+37061234567"]
        assert (price, sms_cost(3, price)) == (Decimal("0.0350"), Decimal("0.1050"))
        assert email_price(session, acme) == Decimal("0.0100")
        assert sms_prices(session, acme, ["+80012345678", "+883510012345"]) == {}


def test_the_prices_and_their_date_are_in_the_table(database: Database) -> None:
    with database.transaction(None) as session:
        found = session.execute(text("SELECT channel, valid_from, count(*) FROM prices GROUP BY 1, 2 ORDER BY 1")).all()
    assert [tuple(row) for row in found] == [("email", date(2026, 1, 1), 1), ("sms", date(2026, 1, 1), 318)]


_prefixes = st.text("37", min_size=1, max_size=6)


@given(
    prices=st.dictionaries(_prefixes, st.sampled_from(["0", "0.0001", "0.035", "9.9999"]), min_size=1, max_size=8),
    numbers=st.lists(st.text("379", min_size=7, max_size=15).map(lambda digits: f"+{digits}"), max_size=20),
)
@hypothesis_settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_look_up_of_many_is_the_rule_for_each(
    database: Database, acme: UUID, prices: dict[str, str], numbers: list[str]
) -> None:
    _load(database, date(2026, 2, 1), prices)
    with database.transaction(acme) as session:
        listed = sms_price_list(session, acme)
        assert listed == {prefix: Decimal(price) for prefix, price in prices.items()}
        by_rule = {number: sms_price(number, listed) for number in numbers}
        priced = {number: price for number, price in by_rule.items() if price is not None}
        assert sms_prices(session, acme, numbers) == priced
        assert sms_prices(session, acme, [*numbers, *(f"+9{n:06}" for n in range(60))]) == priced


def test_a_newer_list_stands_alone_and_one_of_tomorrow_waits(database: Database, acme: UUID) -> None:
    today = datetime.now(UTC).date()
    numbers = ["+37061234567", "+4915112345678"]
    _load(database, today, {"370": "0.05"})
    _load(database, today + timedelta(days=2), {"370": "0.06"})
    _load(database, today, {"370": "0.07"}, currency="USD")
    with database.transaction(acme) as session:
        assert sms_prices(session, acme, numbers) == {"+37061234567": Decimal("0.0500")}
    _load(database, today, {"49": "0.08"})  # the same day again: in place of the first
    with database.transaction(acme) as session:
        assert sms_prices(session, acme, numbers) == {"+4915112345678": Decimal("0.0800")}


def test_what_was_loaded_is_in_the_audit_log(database: Database) -> None:
    _load(database, date(2026, 3, 1), {"370": "0.05", "371": "0.05"})
    with database.transaction(None) as session:
        entry = session.execute(
            text("SELECT actor, subject, details FROM audit_log WHERE action = 'prices.loaded'")
        ).one()
    details = {"valid_from": "2026-03-01", "prices": 2, "source": "prices.csv"}
    assert tuple(entry) == ("operator", "sms EUR", details)
