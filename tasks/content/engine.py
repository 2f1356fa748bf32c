"""minijinja as all sources with logic are read and rendered."""

from collections.abc import Callable
from operator import eq, ge, gt, le, lt, ne
from typing import Any

from minijinja import Environment

#: Instructions one rendering may take: 2000 tags of 1000 characters need less.
FUEL = 1_000_000

_COMPARISONS = {"<": lt, "<=": le, ">": gt, ">=": ge, "==": eq, "!=": ne}


def new_environment(write: Callable[[Any], str] | None = None) -> Environment:
    """An environment without comments, loader and functions; `write` makes the text of each value that is put out."""
    environment = Environment(
        fuel=FUEL,
        finalizer=write,
        keep_trailing_newline=True,
        pycompat=False,
        auto_escape_callback=lambda _name: False,  # `write` escapes, the same way as it does for spliced values
        comment_start_string="{#\0",  # clean sources hold no NUL, so there are no comments
        comment_end_string="\0#}",
        debug=False,  # or errors quote the template
    )
    for name in ("escape", "e"):
        environment.add_filter(name, _as_it_is)
    for name in ("default", "d"):
        environment.add_filter(name, _or_default)
    environment.add_filter("compare", _compare)
    return environment


def _as_it_is(value: Any) -> Any:
    return value


def _or_default(value: Any, default: Any = "", *_: Any) -> Any:
    # A contact without a first name has an empty one: it wants "there" as much as one whose name is unknown.
    return default if value is None or value == "" else value


def _compare(left: Any, sign: str, right: Any) -> bool:
    """Numbers, and texts that are numbers, by value; two other texts by their characters (dates as 2026-11-23 sort so).

    A missing value is unequal to all and neither less nor more. minijinja orders by type first: to it "5" > 17 holds,
    and every value of an imported contact is a text.
    """
    left_number, right_number = _number(left), _number(right)
    if left_number is not None and right_number is not None:
        return bool(_COMPARISONS[sign](left_number, right_number))
    if isinstance(left, str) and isinstance(right, str):
        return bool(_COMPARISONS[sign](left, right))
    return sign == "!="


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        return float(value)
    except (ValueError, OverflowError):
        return None
