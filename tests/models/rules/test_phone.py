"""Phones: libphonenumber decides."""

import time

import pytest

from models.rules.phone import country_of, parse_phone


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("+37061234567", "+37061234567"),
        (" +370 612-34 567 ", "+37061234567"),
        ("+44 (0)20 7946 0000", "+442079460000"),
        ("+39 06 698 12345", "+390669812345"),
        ("+1 201 555 0123", "+12015550123"),
        ("(+370) 612/34.567", "+37061234567"),
        ("+370\u00a0612\u201134\u2011567", "+37061234567"),
        ("\u202a+37061234567\u202c", "+37061234567"),
        ("\uff0b\uff13\uff17\uff10 61234567", "+37061234567"),
    ],
)
def test_a_valid_number_becomes_e164(text: str, number: str) -> None:
    assert parse_phone(text) == number


@pytest.mark.parametrize(
    "text",
    ["", "12345", "+", "+370", "+3706123456", "+370612345678", "+999123456789", "phone", "861234567", "+1" + "2" * 300],
)
def test_anything_else_is_none(text: str) -> None:
    assert parse_phone(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "foo+37061234567",
        "61234567;phone-context=+370",
        "+37061234567 / x+37061234568",
        "+37061234567 / +37061234568",
        "+37061234567, +37061234568",
        "tel:+37061234567",
        "tel:61234567;phone-context=+370",
        "+37061234567;ext=",
        "+37061234567x",
        "+37061234567\nBcc: x",
        "++37061234567",
        "+1 800 FLOWERS",
        "0+37061234567",
    ],
)
@pytest.mark.parametrize("region", [None, "LT"])
def test_a_number_is_not_looked_for_in_a_text(text: str, region: str | None) -> None:
    assert parse_phone(text, region) is None


def test_no_text_takes_long() -> None:
    started = time.monotonic()
    assert parse_phone(" (" * 200_000 + "x") is None
    assert time.monotonic() - started < 1


def test_a_number_with_an_extension_cannot_get_a_message() -> None:
    assert parse_phone("+1 201 555 0123 ext. 5") is None


def test_a_number_without_plus_needs_a_country() -> None:
    assert parse_phone("0 612 34567", "LT") == "+37061234567"
    assert parse_phone("0 612 34567") is None


@pytest.mark.parametrize(
    ("number", "country"),
    [
        ("+37061234567", "LT"),
        ("+12015550123", "US"),
        ("+16135550123", "CA"),
        ("+12425550123", "BS"),
        ("+77012345678", "KZ"),
        ("+79161234567", "RU"),
        ("+447400123456", "GB"),
        ("+447781123456", "GG"),
        ("+390669812345", "IT"),
        ("+15550000", "US"),
        ("+80012345678", None),
        ("+", None),
    ],
)
def test_a_number_belongs_to_a_country(number: str, country: str | None) -> None:
    assert country_of(number) == country
