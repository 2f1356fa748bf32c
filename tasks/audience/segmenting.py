"""A segment as a Polars expression over the contacts frame; what its conditions mean stands in models.rules.segment."""

import functools
import operator

import polars as pl

from models.rules.segment import (
    CUSTOM_FIELD_PREFIX,
    LOWER_CASED_FIELDS,
    PLAIN_NUMBER,
    AllOf,
    AnyOf,
    Condition,
    Operator,
    Segment,
    is_plain_number,
)


def custom_field(key: str) -> pl.Expr:
    """The custom field `key` as text, null where there is none. Reads the column custom_fields."""
    column = pl.col("custom_fields")
    if "'" in key or "\\" in key:  # a JSON path cannot write every such key; decoding takes 3 times as long
        return column.str.json_decode(pl.Struct({key: pl.String})).struct.field(key)
    return column.str.json_path_match(f"$['{key}']")


def segment_expression(segment: Segment) -> pl.Expr:
    """True, never null, for the contacts that are in the segment."""
    if isinstance(segment, Condition):
        return _condition_expression(segment).fill_null(value=False)
    parts = [segment_expression(part) for part in segment.parts]
    if isinstance(segment, AllOf):
        return functools.reduce(operator.and_, parts, pl.lit(value=True))
    any_holds = functools.reduce(operator.or_, parts, pl.lit(value=False))
    return any_holds if isinstance(segment, AnyOf) else ~any_holds


def _condition_expression(condition: Condition) -> pl.Expr:
    field = _field_expression(condition.field)
    first = condition.values[0]
    match condition.operator:
        case Operator.EXISTS:
            return field.is_not_null() if first == "true" else field.is_null()
        case Operator.EQ | Operator.IN:
            return _equals_any(field, condition.values)
        case Operator.NE:
            return ~_equals_any(field, condition.values).fill_null(value=False)
        case Operator.CONTAINS:
            return field.str.contains(first, literal=True)
        case Operator.STARTS_WITH:
            return field.str.starts_with(first)
        case _:
            return _ordered(field, condition.operator, first)


def _field_expression(field: str) -> pl.Expr:
    key = field.removeprefix(CUSTOM_FIELD_PREFIX)
    text = custom_field(key) if key != field else pl.col(field)
    text = pl.when(text != "").then(text)
    return text.str.to_lowercase() if field in LOWER_CASED_FIELDS else text


def _equals_any(field: pl.Expr, values: tuple[str, ...]) -> pl.Expr:
    """Equal as text, or as numbers where the two are."""
    same_text = field.is_in(list(values)) if len(values) > 1 else field == values[0]
    numbers = [float(value) for value in values if is_plain_number(value)]
    return same_text | _as_number(field).is_in(numbers) if numbers else same_text


def _ordered(field: pl.Expr, comparison: Operator, value: str) -> pl.Expr:
    """Greater or less: as numbers where `value` is one, else as text by code point."""
    is_number = is_plain_number(value)
    left, right = (_as_number(field), pl.lit(float(value))) if is_number else (field, pl.lit(value))
    match comparison:
        case Operator.GT:
            return left > right
        case Operator.GTE:
            return left >= right
        case Operator.LT:
            return left < right
        case Operator.LTE:
            return left <= right
    raise AssertionError(f"{comparison} does not order.")


def _as_number(field: pl.Expr) -> pl.Expr:
    """The number that a text is, null where it is none. (A cast alone would also take "1e5", "inf" and "007".)"""
    return pl.when(field.str.contains(PLAIN_NUMBER)).then(field).cast(pl.Float64, strict=False)
