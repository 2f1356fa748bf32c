"""What conditions mean: a table by hand, and a reference in plain Python that any tree must agree with."""

import json
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.rules.segment import (
    CUSTOM_FIELD_PREFIX,
    LOWER_CASED_FIELDS,
    AllOf,
    AnyOf,
    Condition,
    Operator,
    Segment,
    is_plain_number,
    parse_segment,
)
from tasks.audience.frames import CONTACTS
from tasks.audience.segmenting import custom_field, segment_expression

MISSING = [None, ""]


def _frame(contacts: list[dict[str, Any]]) -> pl.DataFrame:
    rows = [{**contact, "custom_fields": json.dumps(contact.get("custom_fields", {}))} for contact in contacts]
    return pl.DataFrame(rows, schema=dict(CONTACTS))


def _holds(filters: object, contact: dict[str, Any]) -> bool:
    result = _frame([contact]).select(segment_expression(parse_segment(filters))).to_series()
    assert not result.has_nulls()
    return bool(result[0])


@pytest.mark.parametrize(
    ("held", "op", "value", "holds"),
    [
        ("pro", "eq", "pro", True),
        ("pro", "eq", "PRO", False),
        ("pro", "ne", "free", True),
        ("pro", "ne", "pro", False),
        ("pro", "in", ["free", "pro"], True),
        ("pro", "in", ["free"], False),
        ("prometheus", "contains", "met", True),
        ("a.c", "contains", "b", False),
        ("abc", "contains", ".", False),
        ("prometheus", "starts_with", "pro", True),
        ("prometheus", "starts_with", "met", False),
        (5, "eq", 5, True),
        (5, "eq", "5.0", True),
        (5, "ne", 5.0, False),
        ("5.50", "in", [1, 5.5], True),
        ("9", "lt", 10, True),
        ("9", "lt", "10", True),
        ("-1", "lt", 0, True),
        (10, "gte", 10, True),
        ("n/a", "gt", 18, False),
        ("n/a", "lte", 18, False),
        ("007", "eq", 7, False),
        ("007", "eq", "007", True),
        ("1e1", "eq", 10, False),
        ("inf", "gt", 1, False),
        ("12345678901234567", "eq", "12345678901234568", False),
        (True, "eq", True, True),
        (True, "eq", "true", True),
        (False, "exists", True, True),
        ("2026-02-01", "gt", "2026-01-31", True),
        ("2026-02-01", "lte", "2026-01-31", False),
        ("b", "gte", "a", True),
        ("Žydrė", "starts_with", "Ž", True),
        ("x", "exists", True, True),
        ("x", "exists", False, False),
    ],
)
def test_a_condition_on_a_value(held: object, op: str, value: object, holds: bool) -> None:
    filters = {"field": "custom_fields.it's", "op": op, "value": value}
    assert _holds(filters, {"custom_fields": {"it's": held}}) is holds
    assert _holds({"not": [filters]}, {"custom_fields": {"it's": held}}) is not holds


@pytest.mark.parametrize("held", MISSING)
@pytest.mark.parametrize(
    ("op", "value", "holds"),
    [
        ("eq", "x", False),
        ("ne", "x", True),
        ("in", ["x"], False),
        ("gt", 0, False),
        ("lt", "x", False),
        ("contains", "x", False),
        ("starts_with", "x", False),
        ("exists", True, False),
        ("exists", False, True),
    ],
)
def test_a_missing_value_satisfies_ne_and_not_exists_alone(held: object, op: str, value: object, holds: bool) -> None:
    for field, contact in (("first_name", {"first_name": held}), ("custom_fields.x", {"custom_fields": {"x": held}})):
        assert _holds({"field": field, "op": op, "value": value}, contact) is holds


def test_email_and_status_know_no_case_other_fields_do() -> None:
    contact = {"email": "anna@example.com", "status": "active", "first_name": "Anna"}
    assert _holds({"email": "ANNA@example.com", "status": "Active"}, contact)
    assert _holds({"field": "email", "op": "contains", "value": "@EXAMPLE."}, contact)
    assert not _holds({"first_name": "anna"}, contact)


@given(
    st.text(min_size=1, max_size=6) | st.text("ab'\"\\\\]$[| ", min_size=1, max_size=6), st.sampled_from(["x", 5, None])
)
def test_any_key_is_found_and_no_other(key: str, value: object) -> None:
    contacts = _frame([{"custom_fields": {key: value}}, {"custom_fields": {f"{key}.": "y"}}, {}])
    expected = [None if value is None else str(value), None, None]
    assert contacts.select(held=custom_field(key))["held"].to_list() == expected


def test_a_key_with_a_dot_is_one_key() -> None:
    assert _holds({"custom_fields.a.b": "x"}, {"custom_fields": {"a.b": "x"}})
    assert not _holds({"custom_fields.a.b": "x"}, {"custom_fields": {"a": {"b": "x"}}})


VALUES = ["a", "ab", "B", "5", "5.0", "10", "-3", "007", "2026-01-31", "true", "ž"]
CONTACT = st.fixed_dictionaries(
    {
        "first_name": st.sampled_from([*VALUES, None, ""]),
        "email": st.sampled_from(["a", "ab", None]),
        "custom_fields": st.dictionaries(st.just("k"), st.sampled_from([*VALUES, None, 5, 10, True])),
    }
)
FIELDS = st.sampled_from(["first_name", "email", "custom_fields.k"])
SCALARS = st.sampled_from([*VALUES, 5, 5.5, -3, True])
CONDITIONS = st.one_of(
    st.builds(
        lambda field, op, value: {"field": field, "op": op, "value": value},
        FIELDS,
        st.sampled_from(["eq", "ne", "gt", "gte", "lt", "lte", "contains", "starts_with"]),
        SCALARS,
    ),
    st.builds(lambda f, v: {"field": f, "op": "in", "value": v}, FIELDS, st.lists(SCALARS, min_size=1, max_size=3)),
    st.builds(lambda f, v: {"field": f, "op": "exists", "value": v}, FIELDS, st.booleans()),
)
TREES = st.recursive(
    CONDITIONS,
    lambda parts: st.builds(
        lambda group, members: {group: members},
        st.sampled_from(["all", "any", "not"]),
        st.lists(parts, min_size=1, max_size=3),
    ),
    max_leaves=3,  # less deep than a tree may be
)


@given(TREES, st.lists(CONTACT, min_size=1, max_size=8))
def test_any_tree_means_what_the_reference_says(filters: dict[str, Any], contacts: list[dict[str, Any]]) -> None:
    segment = parse_segment(filters)
    result = _frame(contacts).filter(segment_expression(segment))
    expected = [contact for contact in contacts if _reference(segment, contact)]
    assert result.equals(_frame(expected))


def _reference(segment: Segment, contact: dict[str, Any]) -> bool:
    if not isinstance(segment, Condition):
        results = [_reference(part, contact) for part in segment.parts]
        if isinstance(segment, AllOf):
            return all(results)
        return any(results) if isinstance(segment, AnyOf) else not any(results)
    held = _held(segment.field, contact)
    first = segment.values[0]
    if segment.operator is Operator.EXISTS:
        return (held is not None) == (first == "true")
    if held is None:
        return segment.operator is Operator.NE
    if segment.operator in (Operator.EQ, Operator.IN, Operator.NE):
        same = any(held == value or _same_number(held, value) for value in segment.values)
        return same != (segment.operator is Operator.NE)
    if segment.operator is Operator.CONTAINS:
        return first in held
    if segment.operator is Operator.STARTS_WITH:
        return held.startswith(first)
    left: Any = held
    right: Any = first
    if is_plain_number(first):
        if not is_plain_number(held):
            return False
        left, right = float(held), float(first)
    return bool({"gt": left > right, "gte": left >= right, "lt": left < right, "lte": left <= right}[segment.operator])


def _same_number(held: str, value: str) -> bool:
    return is_plain_number(held) and is_plain_number(value) and float(held) == float(value)


def _held(field: str, contact: dict[str, Any]) -> str | None:
    key = field.removeprefix(CUSTOM_FIELD_PREFIX)
    held = contact["custom_fields"].get(key) if key != field else contact.get(field)
    if held is None or held == "":
        return None
    text = json.dumps(held) if not isinstance(held, str) else held
    return text.lower() if field in LOWER_CASED_FIELDS else text
