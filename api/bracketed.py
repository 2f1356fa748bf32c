"""Names with brackets in a form: `variables[first_name]`, `attachments[]`, `emails[0][to_email]`, as PHP reads them.

A bracket holds a key, or nothing, which is the next place of a list. What has only numbers for keys is a list, in
their order. Of two values under one name the last one counts.
"""

import re
from collections.abc import Iterable
from typing import Any

from models.errors import InvalidInput

DEPTH_MAX = 6  # emails[0][attachments][] has three
NAME_MAX = 500

_NAME = re.compile(r"([^\[\]]+)((?:\[[^\[\]]*\])*)").fullmatch
_KEYS = re.compile(r"\[([^\[\]]*)\]").findall
_NUMBER = re.compile(r"0|[1-9][0-9]{0,8}").fullmatch


def read_bracketed(parts: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    """Nested objects and lists of a form's parts (name, value), in their order.

    A name whose brackets do not fit is a name like any other. Raises InvalidInput, by dotted names, where brackets are
    too deep, or where a name has both a value and parts.
    """
    form: dict[str, Any] = {}
    ends: dict[int, int] = {}  # of each list, the place after its last
    for name, value in parts:
        match = _NAME(name) if len(name) <= NAME_MAX else None
        keys = _KEYS(match[2]) if match else []
        if len(keys) >= DEPTH_MAX:
            raise InvalidInput({match[1] if match else name: [f"The {name[:40]} field is nested too deeply."]})
        _put(form, [match[1] if match else name, *keys], value, ends)
    return {key: _with_lists(value) for key, value in form.items()}


def _put(form: dict[str, Any], keys: list[str], value: Any, ends: dict[int, int]) -> None:
    place = form
    for depth, written in enumerate(keys):
        key = written if written or depth == 0 else str(ends.get(id(place), 0))
        if _NUMBER(key):
            ends[id(place)] = max(ends.get(id(place), 0), int(key) + 1)
        if depth == len(keys) - 1:
            if isinstance(place.get(key), dict):
                raise _both(keys, depth)
            place[key] = value
            return
        place = place.setdefault(key, {})
        if not isinstance(place, dict):
            raise _both(keys, depth)


def _both(keys: list[str], depth: int) -> InvalidInput:
    name = ".".join(key for key in keys[: depth + 1] if key)
    return InvalidInput({name: [f"The {name} field must have either a value or parts."]})


def _with_lists(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    members = {key: _with_lists(item) for key, item in value.items()}
    if all(_NUMBER(key) for key in members):
        return [members[key] for key in sorted(members, key=int)]
    return members
