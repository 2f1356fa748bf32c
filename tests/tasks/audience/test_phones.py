"""The set-based verdict on phones is libphonenumber's."""

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from phonenumbers import SUPPORTED_REGIONS, PhoneNumberFormat, PhoneNumberType, example_number_for_type, format_number

from models.rules.phone import CALLING_CODES, parse_international, parse_phone
from tasks.audience.phones import parse_phones

EXAMPLES: list[str] = [
    format_number(number, style)
    for region in sorted(SUPPORTED_REGIONS)
    for kind in sorted(set(PhoneNumberType.values()) - {PhoneNumberType.UNKNOWN})
    for style in (PhoneNumberFormat.E164, PhoneNumberFormat.INTERNATIONAL)
    if (number := example_number_for_type(region, kind)) is not None
]
DIGITS = st.text("0123456789", min_size=4, max_size=13)
NUMBERS = st.builds("+{}{}".format, st.sampled_from(sorted(CALLING_CODES)), DIGITS)


@st.composite
def misspelt(draw: st.DrawFn) -> str:
    """An example with one character changed: as near to valid as a wrong number comes."""
    number = draw(st.sampled_from(EXAMPLES))
    place = draw(st.integers(0, len(number) - 1))
    replacement: str = draw(st.sampled_from([*"0123456789 -.()+/;x", "", " / x+"]))
    return number[:place] + replacement + number[place + 1 :]


def _verdicts(texts: list[str]) -> dict[str, str | None]:
    return dict(parse_phones(pl.Series(texts, dtype=pl.String)).select("text", "phone").iter_rows())


def test_every_countrys_examples_are_judged_as_the_library_judges_them() -> None:
    assert _verdicts(EXAMPLES) == {text: parse_phone(text) for text in EXAMPLES}


@given(st.lists(NUMBERS | misspelt() | st.text(max_size=6), min_size=20, max_size=60))
def test_any_numbers_are_judged_as_the_library_judges_them(texts: list[str]) -> None:
    assert _verdicts(texts) == {text: parse_phone(text) for text in texts}


@given(NUMBERS | misspelt() | st.text(max_size=6))
def test_one_number_is_judged_as_the_library_judges_it(text: str) -> None:
    assert parse_international(text) == parse_phone(text)


def test_every_countrys_examples_are_judged_so_one_by_one() -> None:
    assert [parse_international(text) for text in EXAMPLES] == [parse_phone(text) for text in EXAMPLES]


def test_one_usual_number_does_not_reach_the_library_either(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("models.rules.phone.parse_phone", None)
    assert parse_international("+37061234567") == "+37061234567"


def test_usual_numbers_never_reach_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tasks.audience.phones.parse_phone", None)
    texts = ["+37061234567", "+370 612 34-568", "+1 (201) 555-0123", "+442079460000", "+4915112345678"]
    assert None not in _verdicts(texts).values()


def test_each_distinct_text_is_answered_once_and_nulls_are_not() -> None:
    frame = parse_phones(pl.Series(["+37061234567", None, "x", "x", "+37061234567"]))
    assert sorted(frame.rows()) == [("+37061234567", "+37061234567"), ("x", None)]


def test_a_default_region_reads_national_numbers() -> None:
    assert parse_phones(pl.Series(["0 612 34567"]), "LT")["phone"].to_list() == ["+37061234567"]


def test_no_phones_give_an_empty_frame() -> None:
    assert parse_phones(pl.Series([None, None], dtype=pl.String)).is_empty()
