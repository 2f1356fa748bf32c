"""The reference page's content, made from the description of the API."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from api.documentation.contract import find_documented
from api.documentation.describe import Document, Operation, operations
from api.documentation.multipart import form_fields
from api.documentation.snippets import Request, curl_example, example_parameters, fill_path, python_example
from api.idempotency import HEADER


@dataclass(frozen=True, slots=True)
class Field:
    """A parameter, or a field of a body."""

    name: str
    place: str
    kind: str
    is_required: bool
    description: str


@dataclass(frozen=True, slots=True)
class Snippet:
    """A request, written out. `form` says that it is one of two: as JSON, as a form."""

    form: str
    curl: str
    python: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What may come back. `example` is text."""

    status: str
    description: str
    example: str


@dataclass(frozen=True, slots=True)
class Entry:
    """One operation."""

    id: str
    method: str
    path: str
    summary: str
    description: str
    fields: list[Field]
    takes_key: bool
    snippets: list[Snippet]
    answers: list[Answer]
    errors: list[Answer]


@dataclass(frozen=True, slots=True)
class Group:
    """The operations of one tag."""

    name: str
    anchor: str
    description: str
    entries: list[Entry]


@dataclass(frozen=True, slots=True)
class Reference:
    """The whole page."""

    groups: list[Group]
    errors: list[Answer]


def make_reference(document: Document) -> Reference:
    """Everything that the page shows."""
    entries: dict[str, list[Entry]] = {tag["name"]: [] for tag in document["tags"]}
    for path, method, operation in operations(document):
        entries[operation["tags"][0]].append(_entry(document, path, method, operation))
    groups = [
        Group(tag["name"], _anchor(tag["name"]), tag.get("description", ""), entries[tag["name"]])
        for tag in document["tags"]
    ]
    errors = {error.status: error for group in groups for entry in group.entries for error in entry.errors}
    return Reference(groups, [errors[status] for status in sorted(errors)])


def _anchor(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")


def _entry(document: Document, path: str, method: str, operation: Operation) -> Entry:
    requests = example_requests(document, path, method, operation)
    parameters = _parameters(document, path, operation)
    answers: list[Answer] = []
    errors: list[Answer] = []
    for status, answer in sorted(operation["responses"].items()):
        found = _resolve(document, answer)
        shown = Answer(status, found.get("description", ""), _example_text(found))
        (answers if status.startswith("2") else errors).append(shown)
    return Entry(
        id=operation["operationId"],
        method=method.upper(),
        path=path,
        summary=operation.get("summary", ""),
        description=operation.get("description", ""),
        fields=[*(each for each in parameters if each.place != "header"), *_body_fields(document, operation)],
        takes_key=any(each.name == HEADER for each in parameters),
        snippets=[
            Snippet(form if len(requests) > 1 else "", curl_example(request), python_example(request))
            for form, request in requests
        ],
        answers=answers,
        errors=errors,
    )


def example_requests(document: Document, path: str, method: str, operation: Operation) -> list[tuple[str, Request]]:
    """What an operation's examples are: the form of each (JSON, a form), and the request."""
    place = fill_path(path, example_parameters(document["paths"][path].get("parameters", [])))
    query = {
        each["name"]: each["example"]
        for each in operation.get("parameters", ())
        if each.get("in") == "query" and "example" in each
    }
    answers = [_resolve(document, answer) for status, answer in operation["responses"].items() if status[0] == "2"]
    is_text = all("application/json" not in answer.get("content", {}) for answer in answers)
    content = operation.get("requestBody", {}).get("content", {})
    made = []
    if "application/json" in content or not content:
        body = content.get("application/json", {}).get("example")
        made.append(("JSON", Request(method, place, query, body, is_text=is_text)))
    documented = find_documented(method, path)
    if "multipart/form-data" in content and documented:
        form = tuple(form_fields(documented.multipart))
        made.append(("a form", Request(method, place, query, form=form)))
    return made


def _resolve(document: Document, node: Mapping[str, Any]) -> Mapping[str, Any]:
    while "$ref" in node:
        found: Any = document
        for step in node["$ref"].removeprefix("#/").split("/"):
            found = found[step]
        node = found
    return node


def _example_text(answer: Mapping[str, Any]) -> str:
    for media_type, content in answer.get("content", {}).items():
        example = content.get("example")
        if media_type == "application/json":
            return json.dumps(example, indent=2, ensure_ascii=False)
        return str(example or "")
    return ""


def _parameters(document: Document, path: str, operation: Operation) -> list[Field]:
    listed = [*document["paths"][path].get("parameters", ()), *operation.get("parameters", ())]
    return [
        Field(
            name=each["name"],
            place=each["in"],
            kind=_kind(document, each["schema"]),
            is_required=each.get("required", False),
            description=each.get("description", ""),
        )
        for each in (_resolve(document, parameter) for parameter in listed)
    ]


def _body_fields(document: Document, operation: Operation) -> list[Field]:
    content = operation.get("requestBody", {}).get("content", {})
    fields: dict[str, Field] = {}
    for media_type in ("application/json", "multipart/form-data"):
        schema = _resolve(document, content.get(media_type, {}).get("schema", {}))
        required = schema.get("required", ())
        for name, shape in schema.get("properties", {}).items():
            is_known = name.removesuffix("[]") in fields
            if not is_known:
                place = "body" if media_type == "application/json" else "form"
                kind = _kind(document, shape)
                fields[name] = Field(name, place, kind, name in required, shape.get("description", ""))
    return sorted(fields.values(), key=lambda each: not each.is_required)


def _kind(document: Document, schema: Mapping[str, Any]) -> str:
    """A type in words: `integer, 1 to 100`."""
    schema = _resolve(document, schema)
    if "anyOf" in schema or "allOf" in schema:
        return _kind(document, (schema.get("anyOf") or schema["allOf"])[0])
    kinds = schema.get("type", "any")
    words = [kind for kind in ([kinds] if isinstance(kinds, str) else kinds) if kind != "null"]
    kind = words[0] if words else "any"
    if "enum" in schema:
        return "one of " + ", ".join(str(choice) for choice in schema["enum"] if choice is not None)
    if kind == "array":
        return f"array of {_kind(document, schema.get('items', {}))}"
    if kind == "string":
        kind = {"binary": "file", "uuid": "UUID", "email": "email address", "date-time": "time"}.get(
            schema.get("format", ""), "string"
        )
    limits = _limits(schema)
    return f"{kind}, {limits}" if limits else kind


def _limits(schema: Mapping[str, Any]) -> str:
    if "minimum" in schema and "maximum" in schema:
        return f"{schema['minimum']:,} to {schema['maximum']:,}"
    if "maxLength" in schema:
        return f"at most {schema['maxLength']:,} characters"
    return f"at most {schema['maxItems']:,}" if "maxItems" in schema else ""
