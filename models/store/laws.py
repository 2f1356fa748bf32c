"""A law: two numbers that the database keeps apart, and that must be the same."""

from dataclasses import dataclass
from typing import LiteralString


@dataclass(frozen=True, slots=True)
class Law:
    """One law. The next one is one more entry in a table of these.

    `select` gives a row for each comparison: organization, subject, expected (counted anew), found (what is kept
    beside it). Where the two differ the law is broken. It may name these parameters: `organization`; `since`, the
    first day (UTC) that is recounted; `reach` and `reach_id`, the day and the lowest UUIDv7 from which on runs and
    messages are looked at, so that all that moved since `since` is among them.

    `of_all`: it is asked once for all organizations, where `organization` is NULL, since its table has no index by
    organization; it must name the parameter nevertheless, for who asks for one.
    """

    name: str
    promise: str
    select: LiteralString
    of_all: bool = False
