"""Which files are refused as a whole, and how the others are written."""

import pytest

from models.errors import InvalidInput
from tasks.audience.csv_layout import FILE_SIZE_MAX, CsvLayout, inspect_csv

TEXT = "email;Name\r\nanna@example.com;Žydrė\r\n"


@pytest.mark.parametrize(
    ("data", "encoding"),
    [
        (TEXT.encode(), "utf-8"),
        (TEXT.encode("utf-8-sig"), "utf-8-sig"),
        (TEXT.encode("utf-16"), "utf-16"),
        (b"\xfe\xff" + TEXT.encode("utf-16-be"), "utf-16"),
        (TEXT.encode("utf-16-le"), "utf-16-le"),
        (TEXT.encode("utf-16-be"), "utf-16-be"),
        (TEXT.replace("ė", "é").encode("cp1252"), "cp1252"),
    ],
)
def test_the_encoding_is_found(data: bytes, encoding: str) -> None:
    assert inspect_csv(data) == CsvLayout(encoding, ";", ("email", "name"))


@pytest.mark.parametrize(
    ("header", "delimiter", "columns"),
    [
        ("email,first_name", ",", ("email", "first_name")),
        (" Plan ;EMAIL", ";", ("plan", "email")),
        ("email\tfirst_name", "\t", ("email", "first_name")),
        ("email", ",", ("email",)),
        ('"a,b",x;email', ";", ("a,b,x", "email")),
        ('"a;b","e\nf",email', ",", ("a;b", "e\nf", "email")),
        ("email,a,b,c;d", ",", ("email", "a", "b", "c;d")),
        ("email,,first_name,", ",", ("email", "", "first_name", "")),
        ("\n\r\nemail,x", ",", ("email", "x")),
    ],
)
def test_the_header_tells_the_delimiter_and_the_columns(header: str, delimiter: str, columns: tuple[str, ...]) -> None:
    layout = inspect_csv(header.encode())
    assert (layout.delimiter, layout.columns) == (delimiter, columns)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty"),
        (b"\xef\xbb\xbf", "empty"),
        (b" \r\n\r\n", "empty"),
        (b"email\n" + b"\x00" * 10, "binary"),
        (b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR", "binary"),
        (b"PK\x03\x04\x14\x00\x00\x00\x08\x00!A", "binary"),
        (b"email\n\x81\x8d@example.com", "not text"),
        (b"\xef\xbb\xbfemail\n\xff", "not text"),
        (b"\xff\xfee", "not text"),
        (b"name,mail\na,b", 'no "email" column'),
        (b"anna@example.com,Anna\n", 'no "email" column'),
        (b"email,Email \n", "more than once"),
        (b"email,plan, PLAN\n", "more than once"),
        (b"email," + b"x" * 101, "longer than 100"),
        (b"email," + b",".join(b"c%d" % n for n in range(65)), "more than 64"),
        (b"email\n" + b"a" * FILE_SIZE_MAX, "larger than 10 MB"),
    ],
)
def test_a_file_that_cannot_be_imported_is_refused_with_the_reason(data: bytes, reason: str) -> None:
    with pytest.raises(InvalidInput, match=reason) as refused:
        inspect_csv(data)
    assert list(refused.value.errors) == ["file"]


def test_a_file_of_just_the_size_and_the_columns_is_taken() -> None:
    header = b"email," + b",".join(b"c%d" % n for n in range(64)) + b"\n"
    layout = inspect_csv(header + b"a" * (FILE_SIZE_MAX - len(header)))
    assert len(layout.custom_columns) == 64
