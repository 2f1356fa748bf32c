"""Answers are written as marshmallow would write them."""

from datetime import UTC, datetime
from decimal import Decimal
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest
from marshmallow import Schema, fields, post_dump

from api.answers import dump_of
from api.app import BLUEPRINTS
from api.schemas.fields import Amount, Identifier, Time

_VALUES: dict[type, Any] = {
    Identifier: UUID("01a22ea4-f159-75cd-b5b3-a31b832eaa57"),
    Amount: Decimal("0.105"),
    Time: datetime(2026, 1, 10, 10, tzinfo=UTC),
    fields.Integer: 3,
    fields.Float: 42.5,
    fields.Boolean: True,
    fields.Raw: {"a": [1]},
    fields.Dict: {"a": 1},
    fields.List: ["a"],
    fields.Date: datetime(2026, 1, 10, tzinfo=UTC).date(),
}


# All that are made by api/schemas/envelopes.py for a view: importing the application registers them.
assert BLUEPRINTS
ANSWERS = sorted(
    (kind for kind in Schema.__subclasses__() if kind.__name__.endswith(("Answer", "Mutation", "Pages", "Array"))),
    key=lambda kind: kind.__name__,
)


class _Dict(dict[str, Any]):
    organization_id = None  # which a template's `is_system` is made of


def _thing(schema: Schema, *, is_dict: bool, leave_out: frozenset[str] = frozenset()) -> Any:
    """Something that the schema describes. `leave_out`: names that it does not have."""
    values = {
        field.attribute or name: _value(field, is_dict=is_dict)
        for name, field in schema.dump_fields.items()
        if name not in leave_out
    }
    return _Dict(values) if is_dict else SimpleNamespace(**values, organization_id=None)


def _value(field: fields.Field, *, is_dict: bool) -> Any:
    if isinstance(field, fields.Nested):
        return _thing(field.schema, is_dict=is_dict)
    if isinstance(field, fields.List) and isinstance(field.inner, fields.Nested):
        return [_thing(field.inner.schema, is_dict=is_dict)] * 2
    return next((_VALUES[kind] for kind in type(field).__mro__ if kind in _VALUES), "pending")


def test_there_are_answers() -> None:
    assert len(ANSWERS) > 40


@pytest.mark.parametrize("kind", ANSWERS, ids=lambda kind: kind.__name__)
def test_every_answer_is_written_the_same(kind: type[Schema]) -> None:
    schema = kind()
    assert dump_of(schema) != schema.dump  # none needs the long way
    for is_dict in (False, True):
        thing = _thing(schema, is_dict=is_dict)
        assert dump_of(schema)(thing) == schema.dump(thing)
        for name in schema.fields:
            rest = _thing(schema, is_dict=is_dict, leave_out=frozenset({name}))
            assert dump_of(schema)(rest) == schema.dump(rest)


class _Hooked(Schema):
    name = fields.String()

    @post_dump
    def _shout(self, made: dict[str, Any], **_options: Any) -> dict[str, Any]:
        return {key: value.upper() for key, value in made.items()}


class _Odd(Schema):
    name = fields.String(data_key="from", dump_default="nobody")
    first = fields.String(attribute="person.first")
    nested = fields.Nested(_Hooked, allow_none=True)
    hooked = fields.List(fields.Nested(_Hooked))
    many = fields.Nested(_Hooked, many=True)


@pytest.mark.parametrize(
    "thing",
    [
        {"name": "a", "person": {"first": "b"}, "nested": None, "hooked": None, "many": [{"name": "c"}]},
        {"nested": {"name": "a"}, "hooked": [{"name": "b"}, {"name": "c"}], "many": []},
    ],
)
def test_hooks_defaults_and_keys_are_as_in_the_schema(thing: dict[str, Any]) -> None:
    assert dump_of(_Odd())(thing) == _Odd().dump(thing)
    assert dump_of(_Hooked(many=True))([{"name": "a"}]) == [{"name": "A"}]
