"""A period of whole days (UTC), from bounds as clients write them."""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from models.errors import InvalidInput

DEFAULT_DAYS = 30
_PLUS_AS_SPACE = re.compile(r"(T.*) (?=\d\d:?\d\d$)")  # what a query string makes of a "+" that was not encoded


@dataclass(frozen=True, slots=True)
class Period:
    """Days, both included."""

    first: date
    last: date


def period_of(first: str | None, last: str | None, *, today: date) -> Period:
    """The days between two ISO 8601 bounds; a bound that is an instant means the whole day, in UTC, that it lies in.

    Without `last` until today; without `first` from 30 days before the last. Raises InvalidInput on `from` and `to`.
    """
    errors: dict[str, list[str]] = {}
    end = _day(last, "to", errors) if last else today
    if first:
        start = _day(first, "from", errors)
    else:
        start = max(end, date.min + timedelta(days=DEFAULT_DAYS)) - timedelta(days=DEFAULT_DAYS)
    if not errors and start > end:
        errors["to"] = ["The to field must be a date after or equal to from."]
    if errors:
        raise InvalidInput(errors)
    return Period(start, end)


def _day(written: str, field: str, errors: dict[str, list[str]]) -> date:
    try:
        at = datetime.fromisoformat(_PLUS_AS_SPACE.sub(r"\1+", written))
        return (at if at.tzinfo is None else at.astimezone(UTC)).date()
    except (ValueError, OverflowError):  # OverflowError: an offset that leads past the year 9999
        errors[field] = [f"The {field} field must be a valid date."]
        return date.min
