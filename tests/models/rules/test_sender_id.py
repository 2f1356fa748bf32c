"""What may be a sender ID."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.rules.sender_id import parse_sender_id


@pytest.mark.parametrize(
    ("text", "stored"),
    [
        ("EXOCLASS", "EXOCLASS"),
        ("Abc", "Abc"),
        ("A b.c_d-1234"[:11], "A b.c_d-123"),
        ("  Shop 24 ", "Shop 24"),
        ("1st", "1st"),
        ("+370 612 34567", "+37061234567"),
        ("37061234567", "37061234567"),
        ("1394", "1394"),
    ],
)
def test_names_and_numbers_are_sender_ids(text: str, stored: str) -> None:
    assert parse_sender_id(text) == stored


@pytest.mark.parametrize(
    "text",
    [
        "",
        "AB",
        "ABCDEFGHIJKL",
        "...",
        "1 2 3",
        "12",
        "1" * 16,
        "Žvaigždė",
        "A@B",
        "A\nBC",
        "A\tBC",
        "+000",
        "+370",
        "٣٤٥",
        "ABC+",
    ],
)
def test_anything_else_is_none(text: str) -> None:
    assert parse_sender_id(text) is None


@given(st.text(st.sampled_from("AZaz09 ._-+é\n"), max_size=14))
def test_a_sender_id_is_a_name_or_a_number(text: str) -> None:
    stored = parse_sender_id(text)
    trimmed = text.strip()
    letter = any(character in "AZaz" for character in trimmed)
    is_name = 3 <= len(trimmed) <= 11 and letter and not set(trimmed) & set("+é\n")
    assert (stored is not None) == (is_name or bool(re.fullmatch("[09]{3,15}", trimmed)) or stored == trimmed)
    assert stored is None or parse_sender_id(stored) == stored
