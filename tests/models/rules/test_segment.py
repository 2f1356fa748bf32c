"""Segment filters: both forms, and what is refused, by place."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.errors import InvalidInput
from models.rules.segment import (
    CONDITIONS_MAX,
    DEPTH_MAX,
    EVERYONE,
    AllOf,
    AnyOf,
    Condition,
    NoneOf,
    Operator,
    needed_fields,
    parse_segment,
)


@pytest.mark.parametrize("filters", [None, {}, []])
def test_no_filter_means_everyone(filters: object) -> None:
    assert parse_segment(filters) == EVERYONE
    assert needed_fields(EVERYONE) == frozenset()


def test_the_simple_form_is_all_of_equalities() -> None:
    assert parse_segment({"status": "Active", "custom_fields.plan": ["pro", 5, True]}) == AllOf(
        (
            Condition("status", Operator.EQ, ("active",)),
            Condition("custom_fields.plan", Operator.IN, ("pro", "5", "true")),
        )
    )


def test_the_tree_form() -> None:
    tree = parse_segment(
        {
            "any": [
                {"field": "email", "op": "eq", "value": " Anna@Example.com "},
                {"not": [{"field": "custom_fields.age", "op": "lt", "value": 18.0}]},
                {"field": "phone", "op": "exists"},
                {"first_name": "Anna"},
            ]
        }
    )
    assert tree == AnyOf(
        (
            Condition("email", Operator.EQ, ("anna@example.com",)),
            NoneOf((Condition("custom_fields.age", Operator.LT, ("18",)),)),
            Condition("phone", Operator.EXISTS, ("true",)),
            AllOf((Condition("first_name", Operator.EQ, ("Anna",)),)),
        )
    )
    assert needed_fields(tree) == {"email", "custom_fields.age", "phone", "first_name"}


def test_groups_and_fields_side_by_side_must_all_hold() -> None:
    tree = parse_segment({"any": [{"first_name": "A"}], "not": {"last_name": "B"}, "status": "active"})
    assert isinstance(tree, AllOf)
    assert [type(part) for part in tree.parts] == [AnyOf, NoneOf, Condition]


@pytest.mark.parametrize(
    ("filters", "places"),
    [
        ("active", ["segment_filters"]),
        ([{"status": "active"}], ["segment_filters"]),
        ({"colour": "red"}, ["segment_filters.colour"]),
        ({"custom_fields.": "x"}, ["segment_filters.custom_fields."]),
        ({"custom_fields": "x"}, ["segment_filters.custom_fields"]),
        ({"contact_id": "x"}, ["segment_filters.contact_id"]),
        ({"status": None}, ["segment_filters.status"]),
        ({"status": ""}, ["segment_filters.status"]),
        ({"status": {"eq": "active"}}, ["segment_filters.status"]),
        ({"status": []}, ["segment_filters.status"]),
        ({"status": ["active", None]}, ["segment_filters.status.1"]),
        ({"first_name": float("nan")}, ["segment_filters.first_name"]),
        ({"first_name": "x" * 1001}, ["segment_filters.first_name"]),
        ({"first_name": "a\x00b"}, ["segment_filters.first_name"]),
        ({"first_name": ["a"] * 1001}, ["segment_filters.first_name"]),
        ({"all": []}, ["segment_filters.all"]),
        ({"all": "x"}, ["segment_filters.all"]),
        ({"all": ["x"]}, ["segment_filters.all.0"]),
        ({"any": [{"field": "email", "op": "like", "value": "x"}]}, ["segment_filters.any.0.op"]),
        ({"any": [{"field": "email", "op": ["eq"], "value": "x"}]}, ["segment_filters.any.0.op"]),
        ({"any": [{"field": "nope", "op": "eq", "value": "x"}]}, ["segment_filters.any.0.field"]),
        ({"any": [{"op": "eq", "value": "x"}]}, ["segment_filters.any.0.field"]),
        ({"any": [{"field": "email", "op": "eq"}]}, ["segment_filters.any.0.value"]),
        ({"any": [{"field": "email", "op": "in", "value": "x"}]}, ["segment_filters.any.0.value"]),
        ({"field": "email", "op": "exists", "value": "yes"}, ["segment_filters.value"]),
        ({"a": 1, "b": 2}, ["segment_filters.a", "segment_filters.b"]),
        ({"not": [{"any": [{"x": 1}]}]}, ["segment_filters.not.0.any.0.x"]),
    ],
)
def test_what_is_wrong_is_named_by_its_place(filters: Any, places: list[str]) -> None:
    with pytest.raises(InvalidInput) as refused:
        parse_segment(filters)
    assert list(refused.value.errors) == places


def test_a_tree_has_limits_in_depth_and_size() -> None:
    condition = {"field": "email", "op": "exists", "value": True}
    deep: dict[str, Any] = condition
    for _ in range(DEPTH_MAX - 1):
        deep = {"not": [deep]}
    parse_segment(deep)
    with pytest.raises(InvalidInput, match="deeper"):
        parse_segment({"all": [deep]})
    parse_segment({"all": [condition] * CONDITIONS_MAX})
    with pytest.raises(InvalidInput, match="more than 50 items"):
        parse_segment({"all": [condition] * (CONDITIONS_MAX + 1)})
    with pytest.raises(InvalidInput, match="more than 50 conditions"):
        parse_segment({"all": [{"any": [condition] * 26}, {"any": [condition] * 26}]})


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["all", "any", "not", "field", "op", "value", "email", "custom_fields.x", "eq"]),
            inner,
            max_size=3,
        )
    ),
    max_leaves=10,
)


@given(JSON)
def test_any_json_is_parsed_or_refused(filters: object) -> None:
    try:
        hash(parse_segment(filters))
    except InvalidInput as refused:
        places = list(refused.errors)
    else:
        places = ["segment_filters"]
    assert places
    assert all(place.startswith("segment_filters") for place in places)
