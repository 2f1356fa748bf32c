"""Examples that fit their schemas: the documented values where they are right, sample values where there are none."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from api.documentation.samples import DERIVED, INSTEAD, SAMPLE_ADDRESS, VALUES, kind_of_field, sample_id

Shape = Mapping[str, Any]
_MISSING = object()
_INSTANT = "2026-01-15T10:00:00+00:00"
_FILE = base64.b64encode(b"email,first_name\njohn@example.com,John\n").decode()
_DEPTH_MAX = 12  # of nested schemas: deeper than any answer
_KINDS: Mapping[str, type | tuple[type, ...]] = {
    "object": Mapping,
    "array": list,
    "string": str,
    "boolean": bool,
    "integer": int,
    "number": (int, float),
}


@dataclass(frozen=True, slots=True)
class Shaper:
    """Makes the examples of one operation.

    `requested`: the values of its request, which its answer repeats. `known`: of the same thing elsewhere, for fields
    that the documented answer leaves out.
    """

    components: Mapping[str, Any]
    path: str
    requested: Mapping[str, Any] = field(default_factory=dict)
    known: Mapping[str, Any] = field(default_factory=dict)
    is_request: bool = False

    def answer(self, schema: Shape, documented: Any) -> Any:
        """An answer with every field of the schema."""
        return self._value(schema, _MISSING if documented is None else documented, "", 0)

    def request(self, schema: Shape, documented: Mapping[str, Any] | None) -> Any:
        """A request with the documented fields, or with some of the schema's where nothing is documented."""
        if documented is None:
            properties = self.resolve(schema).get("properties", {})
            required = set(self.resolve(schema).get("required", ()))
            documented = {name: VALUES.get(name, _MISSING) for name in properties if name in required | VALUES.keys()}
        return self._value(schema, documented, "", 0)

    def resolve(self, schema: Shape) -> Shape:
        """The schema that a reference, or a choice between one and null, leads to."""
        while True:
            if "$ref" in schema:
                schema = self.components["schemas"][schema["$ref"].rsplit("/", 1)[1]]
            elif "anyOf" in schema or "allOf" in schema:
                schema = (schema.get("anyOf") or schema["allOf"])[0]
            else:
                return schema

    def _value(self, schema: Shape, given: Any, name: str, number: int, depth: int = 0) -> Any:
        is_nullable = _is_nullable(schema)
        found = self.resolve(schema)
        kinds = [kind for kind in _as_list(found.get("type", ())) if kind != "null"]
        kind = kinds[0] if kinds else None
        if depth > _DEPTH_MAX or (given is None and (is_nullable or _is_nullable(found) or kind is None)):
            return None
        if given is not _MISSING and (not _is_of_kind(given, kind) or _is_filler(given)):
            given = _MISSING
        if kind == "object" and "properties" in found:
            return self._object(found, given, number, depth)
        if kind == "array":
            return self._array(found, given, name, depth)
        if found.get("format") == "uuid":
            return sample_id(kind_of_field(name, self.path), number)
        return self._default(found, name) if given is _MISSING else given

    def _object(self, schema: Shape, given: Any, number: int, depth: int) -> dict[str, Any]:
        values = {} if given is _MISSING else dict(given)
        properties: Mapping[str, Shape] = schema["properties"]
        required = dict.fromkeys(schema.get("required", ())).keys()
        made: dict[str, Any] = {}
        if self.is_request:  # keeps the documented order, and says no more than it has to
            names = [*(name for name in values if name in properties), *(required - values.keys())]
        else:  # what is there only at times is shown where it is documented
            names = [name for name in properties if name in required or name in values]
        for name in names:
            shape, value = properties[name], values.get(name, _MISSING)
            if self.is_request:
                if name in INSTEAD and _is_of_kind(INSTEAD[name], self._first_kind(shape)):
                    value = INSTEAD[name]
            elif value is _MISSING:
                value = self._filled(name, shape, values)
            elif name in self.requested and isinstance(value, str | bool):
                value = self.requested[name]
            elif value is not None and name == "scheduled_at":  # the hour that requests name
                value = VALUES[name]
            made[name] = self._value(shape, value, name, number if name == "id" else 0, depth + 1)
        return made

    def _first_kind(self, schema: Shape) -> str | None:
        return next((kind for kind in _as_list(self.resolve(schema).get("type", ())) if kind != "null"), None)

    def _filled(self, name: str, shape: Shape, values: Mapping[str, Any]) -> Any:
        """A field that the documented answer does not show: as in the request, or what follows from the rest."""
        if name in self.requested:
            return self.requested[name]
        if name in self.known:
            return self.known[name]
        if name in DERIVED and (derived := DERIVED[name](values)) is not None:
            return derived
        if _is_nullable(shape) or _is_nullable(self.resolve(shape)):
            return None
        return _MISSING

    def _array(self, schema: Shape, given: Any, name: str, depth: int) -> list[Any]:
        items: Shape = schema.get("items", {})
        if given is _MISSING:
            # A list of things shows one; a list in a thing may be empty, but not one that a request must have.
            given = VALUES.get(name, [_MISSING]) if self.is_request else [_MISSING] if name == "data" else []
        return [self._value(items, item, name, number, depth + 1) for number, item in enumerate(given)]

    def _default(self, schema: Shape, name: str) -> Any:
        if name in VALUES and _is_of_kind(VALUES[name], next(iter(_as_list(schema.get("type", ()))), None)):
            return VALUES[name]
        if "example" in schema:
            return schema["example"]
        choices = [choice for choice in schema.get("enum", ()) if choice is not None]
        if choices:
            return choices[0]
        return self._plain(schema, name)

    def _plain(self, schema: Shape, name: str) -> Any:
        formats = {"email": SAMPLE_ADDRESS, "date-time": _INSTANT, "date": _INSTANT[:10], "byte": _FILE}
        if schema.get("format") in formats:
            return formats[schema["format"]]
        kinds = _as_list(schema.get("type", "null"))
        if "null" in kinds:
            return None
        empty: dict[str, Any] = {"object": {}, "boolean": True, "integer": 0, "number": 0}
        text = SAMPLE_ADDRESS if name.endswith("email") else name.replace("_", " ")
        return empty.get(kinds[0], text)


def _as_list(kinds: Any) -> list[str]:
    return [kinds] if isinstance(kinds, str) else list(kinds)


def _is_nullable(schema: Shape) -> bool:
    return "null" in _as_list(schema.get("type", ())) or any(
        "null" in _as_list(choice.get("type", ())) for choice in schema.get("anyOf", ())
    )


def _is_filler(value: Any) -> bool:
    """One letter, or half a telephone number."""
    return isinstance(value, str) and (len(value) == 1 or value == "+36")


def _is_of_kind(value: Any, kind: str | None) -> bool:
    if kind is None:
        return True
    if isinstance(value, bool):
        return kind == "boolean"
    return isinstance(value, _KINDS[kind])
