"""Records, their numbers and their fields are those of Python's csv module."""

import csv
import io
from itertools import zip_longest

import polars as pl
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from models.errors import InvalidInput
from tasks.audience.csv_records import read_records

HEADER = ["h1", "h2", "h3"]
FIELDS = st.text(st.sampled_from("ab ,;\"'\n\r\tž"), max_size=5)
RECORDS = st.lists(st.lists(FIELDS, max_size=5), max_size=8)


def _expected(text: str, delimiter: str, width: int) -> tuple[list[tuple[object, ...]], list[int]]:
    records = list(enumerate(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter), start=1))[1:]
    fitting = [
        (row, *(field for field, _ in zip_longest(record, range(width), fillvalue="")))
        for row, record in records
        if record and len(record) <= width
    ]
    return fitting, [row for row, record in records if len(record) > width]


def _actual(text: str, delimiter: str, width: int) -> tuple[list[tuple[object, ...]], list[int]]:
    records = read_records(text, delimiter, width)
    return records.fields.rows(), records.too_long.to_list()


@given(RECORDS, st.sampled_from([",", ";", "\t"]), st.sampled_from(["\n", "\r\n", "\r"]))
@example([[""], [""], [",", ""]], ",", "\n")
def test_what_a_csv_writer_wrote_is_read(records: list[list[str]], delimiter: str, line_end: str) -> None:
    file = io.StringIO(newline="")
    csv.writer(file, delimiter=delimiter, lineterminator=line_end).writerows([HEADER, *records])
    text = file.getvalue()
    assert _actual(text, delimiter, 3) == _expected(text, delimiter, 3)


@given(st.text(st.sampled_from('ab,"\n\r'), max_size=30), st.integers(1, 3))
def test_any_text_is_read_as_the_csv_module_reads_it_or_has_an_open_quote(text: str, width: int) -> None:
    text = "h" + ",h" * (width - 1) + "\n" + text
    try:
        actual = _actual(text, ",", width)
    except InvalidInput:
        assert text.count('"') > 0
        return
    assert actual == _expected(text.rstrip("\r\n"), ",", width)


def test_a_quote_in_the_middle_of_a_field_is_a_character() -> None:
    assert read_records('a,b\n5" pipe,x"y\n', ",", 2).fields.rows() == [(2, '5" pipe', 'x"y')]


@pytest.mark.parametrize("width", [1, 2])
@pytest.mark.parametrize("last", ['"open', 'x,"open\nx,y\n', '"a""\n', '"'])
def test_a_quote_that_is_never_closed_is_refused_with_its_row(width: int, last: str) -> None:
    header = ",".join(HEADER[:width])
    with pytest.raises(InvalidInput, match="quote in row 3 is never closed"):
        read_records(f"{header}\n{header}\n{last}", ",", width)


def test_blank_lines_are_no_records_but_count_as_rows() -> None:
    records = read_records("a,b\n\n1,2\n\n\n,\n3\n\n", ",", 2)
    assert records.fields.rows() == [(3, "1", "2"), (6, "", ""), (7, "3", "")]


def test_blank_lines_of_one_column_are_not_empty_fields() -> None:
    assert read_records('a\n\n1\n""\n2\n', ",", 1).fields.rows() == [(3, "1"), (4, ""), (5, "2")]


def test_a_field_may_be_as_long_as_the_file() -> None:
    long = "x" * 1_000_000
    records = read_records(f'a,b\n"{long}"\n\n"{long}\n{long}",\n', ",", 2)
    assert records.fields.get_column("0").str.len_chars().to_list() == [1_000_000, 2_000_001]
    assert records.fields.get_column("row").to_list() == [2, 4]


def test_a_header_alone_has_no_records() -> None:
    records = read_records("a,b", ",", 2)
    assert records.fields.schema == {"row": pl.Int32, "0": pl.String, "1": pl.String}
    assert records.fields.is_empty()
    assert records.too_long.is_empty()
