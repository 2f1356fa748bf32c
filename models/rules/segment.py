"""Segment filters: who, of an audience, a campaign is for. From JSON to a small frozen tree; no data here.

Two forms mean the same tree:
    {"status": "active", "custom_fields.plan": ["pro", "free"]}            all must hold; a list is "one of"
    {"any": [{"field": "first_name", "op": "eq", "value": "Anna"}, {"not": [...]}]}

What a condition means:
- All values are text; a number or a boolean is the text that JSON writes for it.
- email and status compare lower-cased on both sides, other fields exactly as written.
- Where both sides are plain decimal numbers (no sign +, no leading zero, at most 15 digits), eq, ne, in,
  gt, gte, lt and lte compare numbers. gt, gte, lt and lte against a number hold for numbers only ("n/a" is
  not more than 18); otherwise they compare text by code point, so ISO dates order as dates.
- A missing value (none, or "") satisfies `ne` and `exists: false`, and nothing else.
- `not` holds when none of its conditions does.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from models.errors import InvalidInput

DEPTH_MAX = 5
CONDITIONS_MAX = 50
VALUES_MAX = 1000  # of one `in`
TEXT_MAX = 1000  # characters of one value
KEY_MAX = 100  # characters of a custom field's name

CONTACT_FIELDS = ("status", "email", "first_name", "last_name", "phone")
CUSTOM_FIELD_PREFIX = "custom_fields."
LOWER_CASED_FIELDS = frozenset({"email", "status"})
# At most 15 digits, so that a float holds every one exactly; no leading zero, so that postcodes stay text.
PLAIN_NUMBER = r"^-?(?:0|[1-9][0-9]{0,14}|(?:0|[1-9][0-9]{0,10})\.[0-9]{1,4})$"
_IS_NUMBER = re.compile(PLAIN_NUMBER)
_ROOT = "segment_filters"


class Operator(StrEnum):
    """What a condition does with a field's value and its own."""

    EQ = "eq"
    NE = "ne"
    IN = "in"
    GT = "gt"
    GTE = "gte"
    LT = "lt"
    LTE = "lte"
    CONTAINS = "contains"
    STARTS_WITH = "starts_with"
    EXISTS = "exists"


@dataclass(frozen=True, slots=True)
class Condition:
    """One comparison. `values` holds one text, several for `in`, and "true" or "false" for `exists`."""

    field: str
    operator: Operator
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class AllOf:
    """Holds when every part does; without parts, always."""

    parts: tuple["Segment", ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    """Holds when one part does."""

    parts: tuple["Segment", ...]


@dataclass(frozen=True, slots=True)
class NoneOf:
    """Holds when no part does."""

    parts: tuple["Segment", ...]


Segment: TypeAlias = Condition | AllOf | AnyOf | NoneOf
EVERYONE = AllOf(())
_OPERATORS = frozenset(operator.value for operator in Operator)
_GROUPS: dict[str, type[AllOf] | type[AnyOf] | type[NoneOf]] = {"all": AllOf, "any": AnyOf, "not": NoneOf}


def parse_segment(filters: object) -> Segment:
    """The tree of a `segment_filters` value; none, {} and [] mean everyone.

    Raises InvalidInput naming every wrong place (`segment_filters.any.0.op`).
    """
    if filters is None or filters in ({}, []):  # an empty JSON object often arrives as [] from PHP clients
        return EVERYONE
    parser = _Parser()
    segment = parser.group(filters, _ROOT, 1)
    if not parser.errors and parser.conditions > CONDITIONS_MAX:
        parser.error(_ROOT, f"The {_ROOT} field must not have more than {CONDITIONS_MAX} conditions.")
    if parser.errors:
        raise InvalidInput(parser.errors)
    return segment


def needed_fields(segment: Segment) -> frozenset[str]:
    """The fields that the segment looks at: contact columns, and `custom_fields.<key>`."""
    if isinstance(segment, Condition):
        return frozenset({segment.field})
    return frozenset().union(*(needed_fields(part) for part in segment.parts))


def is_plain_number(text: str) -> bool:
    """Whether a value takes part in comparisons as a number."""
    return _IS_NUMBER.match(text) is not None


class _Parser:
    """Walks the JSON once and collects every error, so that a client can mend them all together."""

    def __init__(self) -> None:
        self.errors: dict[str, list[str]] = {}
        self.conditions = 0

    def error(self, place: str, message: str) -> None:
        self.errors.setdefault(place, []).append(message)

    def group(self, node: object, place: str, depth: int) -> Segment:
        if depth > DEPTH_MAX:
            self.error(place, f"The {_ROOT} field must not be nested deeper than {DEPTH_MAX} levels.")
            return EVERYONE
        if not isinstance(node, Mapping) or not node:
            self.error(place, f"The {place} field must be an object.")
            return EVERYONE
        if "field" in node or "op" in node:
            return self._condition(node, place)
        if not _GROUPS.keys() & node.keys():
            return AllOf(tuple(self._equals(str(f), value, f"{place}.{f}") for f, value in node.items()))
        parts = [self._named_group(str(name), value, place, depth) for name, value in node.items()]
        return parts[0] if len(parts) == 1 else AllOf(tuple(parts))

    def _named_group(self, name: str, value: object, place: str, depth: int) -> Segment:
        """One `all`, `any` or `not`; a plain field beside it is the simple form, and must hold as well."""
        place = f"{place}.{name}"
        if name not in _GROUPS:
            return self._equals(name, value, place)
        if isinstance(value, Mapping):
            return _GROUPS[name]((self.group(value, place, depth + 1),))
        if not isinstance(value, list) or not value:
            self.error(place, f"The {place} field must be a list of conditions.")
            return EVERYONE
        if len(value) > CONDITIONS_MAX:
            self.error(place, f"The {place} field must not have more than {CONDITIONS_MAX} items.")
            return EVERYONE
        return _GROUPS[name](tuple(self.group(part, f"{place}.{index}", depth + 1) for index, part in enumerate(value)))

    def _equals(self, field: str, value: object, place: str) -> Segment:
        """The simple form's `field: value | [values]`."""
        self.conditions += 1
        self._check_field(field, place)
        operator = Operator.IN if isinstance(value, list) else Operator.EQ
        return Condition(field, operator, self._values(field, operator, value, place))

    def _condition(self, node: Mapping[object, object], place: str) -> Segment:
        self.conditions += 1
        field, op = node.get("field"), node.get("op")
        if not isinstance(field, str):
            self.error(f"{place}.field", f"The {place}.field field is required.")
            field = ""
        else:
            self._check_field(field, f"{place}.field")
        if not isinstance(op, str) or op not in _OPERATORS:
            allowed = ", ".join(Operator)
            self.error(f"{place}.op", f"The {place}.op field must be one of {allowed}.")
            return EVERYONE
        operator = Operator(op)
        value = node.get("value", True if operator is Operator.EXISTS else None)
        return Condition(field, operator, self._values(field, operator, value, f"{place}.value"))

    def _check_field(self, field: str, place: str) -> None:
        key = field.removeprefix(CUSTOM_FIELD_PREFIX)
        if field in CONTACT_FIELDS or (key != field and 0 < len(key) <= KEY_MAX):
            return
        allowed = ", ".join((*CONTACT_FIELDS, f"{CUSTOM_FIELD_PREFIX}<key>"))
        self.error(place, f"The {place} field is not a field of contacts ({allowed}).")

    def _values(self, field: str, operator: Operator, value: object, place: str) -> tuple[str, ...]:
        if operator is Operator.EXISTS:
            if isinstance(value, bool):
                return ("true" if value else "false",)
            self.error(place, f"The {place} field must be true or false.")
            return ()
        if operator is not Operator.IN:
            return (self._text(field, value, place),)
        if not isinstance(value, list) or not value or len(value) > VALUES_MAX:
            self.error(place, f"The {place} field must be a list of 1 to {VALUES_MAX} values.")
            return ()
        return tuple(self._text(field, item, f"{place}.{index}") for index, item in enumerate(value))

    def _text(self, field: str, value: object, place: str) -> str:
        """A JSON scalar as text: what a contact's field holds, after an import, is text as well."""
        if isinstance(value, bool):
            return "true" if value else "false"
        if isinstance(value, float) and math.isfinite(value) and value.is_integer() and abs(value) < 1e15:
            return str(int(value))
        if isinstance(value, int | float) and math.isfinite(value):
            return str(value)
        if not isinstance(value, str) or not value.strip() or len(value) > TEXT_MAX or "\x00" in value:
            self.error(place, f"The {place} field must be a text of 1 to {TEXT_MAX} characters, or a number.")
            return ""
        text = value.strip()
        return text.lower() if field in LOWER_CASED_FIELDS else text
