"""How a CSV file of contacts is written: its encoding, its delimiter, its header. Cheap, and before
anything else.

What stops a file as a whole is found here, so that the API can refuse it before anything is stored.
"""

import codecs
import csv
import io
from collections import Counter
from dataclasses import dataclass

from models.errors import InvalidInput
from models.rules.segment import KEY_MAX

FILE_SIZE_MAX = 10 * 1024 * 1024
CUSTOM_COLUMNS_MAX = 64
COLUMN_NAME_MAX = KEY_MAX  # longer ones no segment could name
KNOWN_COLUMNS = ("email", "first_name", "last_name", "phone")

_DELIMITERS = (",", ";", "\t")
_HEADER_MAX = 64 * 1024  # characters: 68 names of 100 fit many times
_SAMPLE = 1024  # bytes, an even number: enough to tell UTF-16 without a mark from a binary file


@dataclass(frozen=True, slots=True)
class CsvLayout:
    """`columns` are the header's names, trimmed and lower-cased; "" for a column without a name."""

    encoding: str
    delimiter: str
    columns: tuple[str, ...]

    @property
    def custom_columns(self) -> tuple[str, ...]:
        """The columns that become custom fields."""
        return tuple(name for name in self.columns if name and name not in KNOWN_COLUMNS)


def inspect_csv(data: bytes) -> CsvLayout:
    """The layout of a file of contacts.

    Raises InvalidInput on `file`, with the reason: over 10 MB, empty, binary, in no known encoding, no
    header, no email column, a repeated column, too many columns, a name too long.
    """
    return decode_csv(data)[0]


def decode_csv(data: bytes) -> tuple[CsvLayout, str]:
    """The layout, and the text from the header on. Raises InvalidInput as `inspect_csv` does."""
    if len(data) > FILE_SIZE_MAX:
        raise _refusal("The file must not be larger than 10 MB.")
    encoding, text = _decode(data)
    text = text.lstrip("\ufeff\r\n")
    if not text.strip():
        raise _refusal("The file is empty.")
    if "\x00" in text:
        raise _refusal("The file is binary; a CSV text file is needed.")
    delimiter, columns = _read_header(text[:_HEADER_MAX])
    _check_columns(columns)
    return CsvLayout(encoding, delimiter, columns), text


def _refusal(reason: str) -> InvalidInput:
    return InvalidInput({"file": [reason]})


def _decode(data: bytes) -> tuple[str, str]:
    for encoding in _candidate_encodings(data):
        try:
            return encoding, data.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise _refusal("The file is not text in UTF-8, UTF-16 or Windows-1252.")


def _candidate_encodings(data: bytes) -> tuple[str, ...]:
    """In the order to try. A mark at the beginning leaves no choice."""
    if data.startswith(codecs.BOM_UTF8):
        return ("utf-8-sig",)
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return ("utf-16",)
    sample = data[:_SAMPLE]
    even_zeros, odd_zeros = sample[0::2].count(0), sample[1::2].count(0)
    # Latin letters in UTF-16 have a zero beside each: a header has little else.
    if odd_zeros > len(sample) // 4 and even_zeros == 0:
        return ("utf-16-le",)
    if even_zeros > len(sample) // 4 and odd_zeros == 0:
        return ("utf-16-be",)
    return ("utf-8", "cp1252")


def _read_header(beginning: str) -> tuple[str, tuple[str, ...]]:
    """The delimiter under which the first record has an email column, and most columns; and their names."""
    found: list[tuple[str, tuple[str, ...]]] = []
    for delimiter in _DELIMITERS:
        try:
            names = next(csv.reader(io.StringIO(beginning, newline=""), delimiter=delimiter))
        except (csv.Error, StopIteration):
            continue
        columns = tuple(name.strip().lower() for name in names)
        if "email" in columns:
            found.append((delimiter, columns))
    if not found:
        raise _refusal('The file has no "email" column in its first line.')
    return max(found, key=lambda choice: len(choice[1]))


def _check_columns(columns: tuple[str, ...]) -> None:
    repeated = [name for name, count in Counter(columns).items() if name and count > 1]
    if repeated:
        raise _refusal(f'The column "{repeated[0][:COLUMN_NAME_MAX]}" is there more than once.')
    too_long = [name for name in columns if len(name) > COLUMN_NAME_MAX]
    if too_long:
        raise _refusal(f"A column's name must not be longer than {COLUMN_NAME_MAX} characters.")
    custom = [name for name in columns if name and name not in KNOWN_COLUMNS]
    if len(custom) > CUSTOM_COLUMNS_MAX:
        raise _refusal(f"The file must not have more than {CUSTOM_COLUMNS_MAX} columns of custom fields.")
