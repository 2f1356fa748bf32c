"""Forms with files, `multipart/form-data`, with bracketed names: `variables[first_name]`, `attachments[]`."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from api.documentation.samples import kind_of_field, sample_id
from api.documentation.shapes import Shape, Shaper

FILE = "@"
"""How the value of a file begins, as curl writes it: `@contacts.csv`."""

_IDS = re.compile(r"(\w+_ids?)$")
# What the documentation leaves to the reader: two emails of a batch.
_BATCH = (
    ("emails[0][from_email]", "hello@example.com"),
    ("emails[0][to_email]", "john@example.com"),
    ("emails[0][subject]", "Welcome to ExoSend!"),
    ("emails[0][html_content]", "<h1>Welcome!</h1>"),
    ("emails[1][from_email]", "hello@example.com"),
    ("emails[1][to_email]", "jane@example.com"),
    ("emails[1][subject]", "Welcome to ExoSend!"),
    ("emails[1][text_content]", "Welcome!"),
)


def form_fields(lines: Iterable[str]) -> list[tuple[str, str]]:
    """Names and values of a documented form, in order; files as `@name`."""
    fields: list[tuple[str, str]] = []
    for line in lines:
        name, _, value = line.partition("=")
        if name == "emails[]":
            fields += _BATCH
        elif value.startswith(FILE):
            fields.append((name, f"{FILE}{'contacts.csv' if name == 'file' else 'invoice.pdf'}"))
        elif _IDS.fullmatch(name):
            fields.append((name, sample_id(kind_of_field(name, ""))))
        else:
            fields.append((name, value))
    return fields


def multipart_example(lines: Iterable[str], *, nested: bool) -> dict[str, Any]:
    """A documented form as an example: with its bracketed names, or `nested`, as JSON has it and without files."""
    fields = form_fields(lines)
    if not nested:
        flat: dict[str, Any] = {}
        for name, value in fields:
            text = value.removeprefix(FILE)
            flat[name] = [text] if name.endswith("[]") else text
        return flat
    made: dict[str, Any] = {}
    for name, value in fields:
        if not value.startswith(FILE):
            _put(made, name, value)
    return made


def _put(made: dict[str, Any], name: str, value: str) -> None:
    words = re.findall(r"\w+", name)
    if len(words) == 1:
        made[name] = value
    elif words[1].isdecimal():
        rows: list[dict[str, str]] = made.setdefault(words[0], [])
        rows.extend({} for _ in range(int(words[1]) + 1 - len(rows)))
        rows[int(words[1])][words[2]] = value
    else:
        made.setdefault(words[0], {})[words[1]] = value


def multipart_schema(shaper: Shaper, body: Shape, lines: Sequence[str]) -> dict[str, Any]:
    """The schema of the form that says the same as a JSON body."""
    properties: dict[str, Any] = {}
    patterns: dict[str, Any] = {}
    found = shaper.resolve(body)
    files = {name.removesuffix("[]") for name, value in form_fields(lines) if value.startswith(FILE)}
    for name, shape in found.get("properties", {}).items():
        if name in files:
            continue
        schema = shaper.resolve(shape)
        kinds = schema.get("type", "string")
        if "array" in kinds:
            items = shaper.resolve(schema.get("items", {}))
            if "properties" in items:
                patterns[rf"^{name}\[[0-9]+\](\[[^\[\]]+\])+$"] = {"type": "string"}
            else:
                properties[f"{name}[]"] = {"type": "array", "items": items}
        elif "object" in kinds:
            patterns[rf"^{name}\[[^\[\]]+\]$"] = {"type": "string"}
        else:
            properties[name] = _as_text(schema)
    for name, value in form_fields(lines):
        if value.startswith(FILE):
            file = {"type": "string", "format": "binary"}
            properties[name] = {"type": "array", "items": file} if name.endswith("[]") else file
    schema = {"type": "object", "properties": properties}
    if patterns:
        schema["patternProperties"] = patterns
    if required := [name for name in properties if name in found.get("required", ())]:
        schema["required"] = required
    return schema


def _as_text(schema: Mapping[str, Any]) -> dict[str, Any]:
    """A form's field: no null, "" means that."""
    made = dict(schema)
    if isinstance(made.get("type"), list):
        made["type"] = next(kind for kind in made["type"] if kind != "null")
    if "enum" in made:
        made["enum"] = [choice for choice in made["enum"] if choice is not None]
    return made
