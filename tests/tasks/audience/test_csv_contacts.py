"""An import says exactly what became of every row."""

import csv
import io
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.audience.csv_contacts import (
    FIELD_TOO_LONG,
    INVALID_EMAIL,
    INVALID_PHONE,
    MISSING_EMAIL,
    TOO_MANY_COLUMNS,
    ContactsImport,
    read_contacts,
)

DATA = Path(__file__).parents[2] / "data"
FILES = sorted(DATA.glob("*.csv"))
KINDS = {
    "too many columns": TOO_MANY_COLUMNS,
    "missing": MISSING_EMAIL,
    "invalid": INVALID_EMAIL,
    "phone": INVALID_PHONE,
}


def _one(text: str) -> dict[str, object]:
    return read_contacts(text.encode()).contacts.row(0, named=True)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_file_gives_just_what_is_expected_of_it(file: Path) -> None:
    expected = json.loads(file.with_suffix(".expected.json").read_text())
    found = read_contacts(file.read_bytes())
    assert (found.rows, found.contacts.height) == (expected["rows"], expected["imported"])
    assert (found.repeated, found.errors.height) == (expected["skipped"], expected["errors_total"])
    assert found.errors.rows() == [(e["row"], KINDS[e["kind"]]) for e in expected["errors"]]
    assert found.warnings.rows() == [(w["row"], KINDS[w["kind"]]) for w in expected.get("warnings", [])]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_the_same_file_in_utf_16_gives_the_same(file: Path) -> None:
    data = file.read_bytes()
    text = data.decode("cp1252" if "cp1252" in file.name else "utf-8-sig")
    assert read_contacts(text.encode("utf-16")).contacts.equals(read_contacts(data).contacts)


def test_the_fields_of_a_contact() -> None:
    assert _one(
        " EMAIL ;First_Name;last_name;phone;Company;Größe;empty;\n"
        '" Anna@Example.COM ";" Anna ";;+370 612 34567;"Say ""hi""; \\o/";5\n'
    ) == {
        "row": 2,
        "email": "anna@example.com",
        "first_name": "Anna",
        "last_name": None,
        "phone": "+37061234567",
        "custom_fields": '{"company":"Say \\"hi\\"; \\\\o/","größe":"5"}',
    }


def test_columns_that_are_not_there_are_null_and_custom_fields_an_empty_object() -> None:
    contact = _one("email\na@example.com\n")
    assert (contact["first_name"], contact["phone"], contact["custom_fields"]) == (None, None, "{}")


@pytest.mark.parametrize("name", ["row", "error", "custom.plan", "phone_text", "status", 'say "x"', "a'b", "$"])
def test_a_custom_column_may_have_any_name(name: str) -> None:
    file = io.StringIO(newline="")
    csv.writer(file).writerows([["email", name], ["a@example.com", "value"]])
    assert json.loads(str(_one(file.getvalue())["custom_fields"])) == {name: "value"}


def test_the_first_of_repeated_addresses_is_the_contact() -> None:
    found = read_contacts(b"email,first_name,phone\na@example.com,one,\nA@EXAMPLE.com,two,bad\na@example.com,three,\n")
    assert found.contacts.select("row", "first_name").rows() == [(2, "one")]
    assert (found.repeated, found.warnings.height) == (2, 0)


def test_a_wrong_phone_is_left_out_with_a_warning() -> None:
    found = read_contacts(b"email,phone\na@example.com,12345\nb@example.com,+37061234567\nc@example.com, \n")
    assert found.contacts["phone"].to_list() == [None, "+37061234567", None]
    assert found.warnings.rows() == [(2, INVALID_PHONE)]


def test_a_row_has_one_error_the_first() -> None:
    long = "x" * 10_001
    found = read_contacts(f"email,note\n,{long},3\n,{long}\nbad,{long}\na@example.com,{long}\n".encode())
    assert found.errors.rows() == [(2, TOO_MANY_COLUMNS), (3, MISSING_EMAIL), (4, INVALID_EMAIL), (5, FIELD_TOO_LONG)]


def test_a_file_of_a_header_has_no_rows() -> None:
    found = read_contacts(b"email,phone,plan\n")
    assert (found.rows, found.contacts.height, found.errors.height, found.warnings.height) == (0, 0, 0, 0)


FIELD = st.sampled_from(
    ["", "x", " ", 'a"b', "a\nb", "+37061234567", "a@example.com", "A@example.com", "ž@example.com"]
)


@given(st.lists(st.lists(FIELD, max_size=4), max_size=10))
def test_rows_are_contacts_and_repeated_and_errors(records: list[list[str]]) -> None:
    file = io.StringIO(newline="")
    csv.writer(file).writerows([["email", "phone", "plan"], *records])
    found: ContactsImport = read_contacts(file.getvalue().encode())
    assert found.rows == sum(bool(record) for record in records)
    assert found.rows == found.contacts.height + found.repeated + found.errors.height
    assert found.contacts["email"].is_unique().all()
    numbers = [*found.contacts["row"], *found.errors["row"]]
    assert len(set(numbers)) == len(numbers)
    assert set(found.warnings["row"]) <= set(found.contacts["row"])
