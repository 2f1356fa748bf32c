"""One page of a list, as every store function that lists returns it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class PageRequest:
    """Which page is wanted: `number` from 1, `size` rows each."""

    number: int = 1
    size: int = 25

    @property
    def offset(self) -> int:
        """Rows before the page."""
        return (self.number - 1) * self.size


@dataclass(frozen=True, slots=True)
class Page(Generic[Item]):
    """The rows of one page, and how many there are in all. Past the end: no items."""

    items: Sequence[Item]
    total: int
    request: PageRequest

    @property
    def last(self) -> int:
        """The number of the last page; an empty list has one."""
        return max(1, -(-self.total // self.request.size))
