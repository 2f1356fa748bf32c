"""Columns of many rows, as parameters of one statement."""

from collections.abc import Iterable
from typing import TypeVar

_T = TypeVar("_T")


def common_or_array(values: list[_T]) -> tuple[list[_T], _T | None]:
    """The values as an array, and nothing for all; or no array, and what all have in common.

    The driver takes 1 µs for each element of an array, and most columns are the same in all rows. unnest fills up a
    shorter array with NULL, so `coalesce(element, common)` is the value.
    """
    first = values[0] if values else None
    return ([], first) if values.count(first) == len(values) else (values, None)  # type: ignore[arg-type]


def array_text(values: Iterable[object]) -> str:
    """As Postgres writes an array of what needs no quotes: the driver's dumping of one takes ten times as long."""
    return "{" + ",".join(map(str, values)) + "}"


def quoted_array_text(values: Iterable[str | None]) -> str:
    """The same of any texts, and of NULL (PostgreSQL's documentation, 8.15.6)."""
    return "{" + ",".join(["NULL" if value is None else f'"{_quoted(value)}"' for value in values]) + "}"


def _quoted(value: str) -> str:
    return value if value.isalnum() else value.replace("\\", "\\\\").replace('"', '\\"')


def bytes_array_text(values: Iterable[bytes]) -> str:
    """The same of bytes."""
    return array_text(f'"\\\\x{value.hex()}"' for value in values)
