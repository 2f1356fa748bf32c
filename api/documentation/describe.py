"""The finished description of the API: what flask-smorest knows, in the order and with the examples of the docs."""

from collections.abc import Iterator, Mapping
from copy import deepcopy
from typing import Any
from urllib.parse import parse_qsl

from api.documentation.contract import Documented, find_documented, general, group_of, groups, nearest_documented
from api.documentation.multipart import multipart_example, multipart_schema
from api.documentation.samples import SAMPLE_ADDRESS, kind_of_parameter, sample_id
from api.documentation.shapes import Shaper
from api.documentation.webhooks import webhooks

METHODS = ("get", "post", "put", "patch", "delete")

_NAMES = {
    "sms": "SMS message",
    "emails": "email",
    "emails/batch": "email batch",
    "email-domains": "email domain",
    "email-templates": "email template",
    "campaigns": "email campaign",
    "contacts": "contact",
    "contacts/imports": "import",
    "contact-lists": "contact list",
    "sender-ids": "sender ID",
    "sms/campaigns": "SMS campaign",
    "webhook-endpoints": "webhook endpoint",
    "deliveries": "delivery",
}

Operation = dict[str, Any]
Document = dict[str, Any]


def operations(document: Mapping[str, Any]) -> Iterator[tuple[str, str, Operation]]:
    """Path, method and operation of all operations of a description, in its order."""
    for path, item in document["paths"].items():
        for method, operation in item.items():
            if method in METHODS:
                yield path, method, operation


def describe(raw: Mapping[str, Any]) -> Document:
    """The description with groups, order, servers and examples. `raw` is not changed."""
    document: Document = deepcopy(dict(raw))
    document["servers"] = [{"url": "/", "description": "This installation."}]
    for path, method, operation in operations(document):
        operation["tags"] = [group_of(method, path)]
        _show_examples(document, path, method, operation)
    for path, item in document["paths"].items():
        for parameter in item.get("parameters", ()):
            _describe_path_parameter(path, parameter)
    document["paths"] = dict(sorted(document["paths"].items(), key=lambda entry: _place(*entry)))
    document["tags"] = _ordered_tags(document)
    document["webhooks"] = webhooks()
    return document


def _place(path: str, item: Mapping[str, Any]) -> tuple[int, bool, str]:
    """Where a path stands: as in the documentation, an extension after what it belongs to."""
    methods = [method for method in item if method in METHODS]
    exact = [found.place for method in methods if (found := find_documented(method, path)) and found.place >= 0]
    place = min(exact) if exact else min(nearest_documented(method, path).place for method in methods)
    return place, not exact, path


def _ordered_tags(document: Document) -> list[dict[str, str]]:
    used = {operation["tags"][0] for _, _, operation in operations(document)}
    told = {tag["name"]: tag for tag in document.get("tags", ())}
    return [told.get(group, {"name": group}) for group in groups() if group in used]


def _describe_path_parameter(path: str, parameter: dict[str, Any]) -> None:
    if not isinstance(parameter, dict) or parameter.get("in") != "path":
        return
    kind = kind_of_parameter(path, parameter["name"])
    if parameter["schema"].get("format") == "uuid":
        parameter.setdefault("description", f"The id of the {_NAMES.get(kind, 'thing')}.")
        parameter["example"] = sample_id(kind)
    else:
        parameter.setdefault("description", "An email address; URL-encoded, `+` is a plus.")
        parameter["example"] = SAMPLE_ADDRESS


def _show_examples(document: Document, path: str, method: str, operation: Operation) -> None:
    documented = find_documented(method, path)
    _show_query(operation, documented)
    components = document["components"]
    request = _show_request(Shaper(components, path, is_request=True), operation, documented)
    requested = {name: value for name, value in (request or {}).items() if name != "message"}
    shaper = Shaper(components, path, requested, _of_the_same(path))
    for status, answer in operation["responses"].items():
        if not status.startswith("2"):
            continue
        shown = documented.answer_of(status) if documented else None
        for media_type, content in answer.get("content", {}).items():
            is_json = media_type == "application/json"
            content["example"] = shaper.answer(content["schema"], shown) if is_json else shown


def _of_the_same(path: str) -> dict[str, Any]:
    """What the documentation says of the thing itself, as far as it does not change: texts, but no states or hours."""
    parts = general(path).split("/{}")
    shown = find_documented("get", f"{parts[0]}/{{id}}") if "analytics" not in path else None
    data = shown.answer.get("data") if shown and isinstance(shown.answer, dict) else None
    changing = ("status", "category", "message")
    return {
        name: value
        for name, value in (data or {}).items()
        if isinstance(value, str) and name not in changing and not name.endswith(("id", "_at", "_rate"))
    }


def _show_query(operation: Operation, documented: Documented | None) -> None:
    shown = dict(parse_qsl(documented.query)) if documented and documented.query else {}
    for parameter in operation.get("parameters", ()):
        if parameter.get("in") != "query":
            continue
        _without_null(parameter["schema"])
        if "enum" in parameter["schema"]:
            parameter.setdefault("description", f"Only those with this {parameter['name']}.")
        if parameter["name"] in shown:
            value = shown[parameter["name"]]
            parameter["example"] = int(value) if parameter["schema"].get("type") == "integer" else value


def _without_null(schema: dict[str, Any]) -> None:
    """A query has no null: what is left out, or empty, is what null would be."""
    if isinstance(schema.get("type"), list):
        kinds = [kind for kind in schema["type"] if kind != "null"]
        schema["type"] = kinds[0] if len(kinds) == 1 else kinds
    if "enum" in schema:
        schema["enum"] = [choice for choice in schema["enum"] if choice is not None]


def _show_request(shaper: Shaper, operation: Operation, documented: Documented | None) -> dict[str, Any] | None:
    """Give the request its examples; returns that of the JSON body."""
    content: dict[str, Any] = operation.get("requestBody", {}).get("content", {})
    request: dict[str, Any] | None = None
    if "application/json" in content:
        body = content["application/json"]
        given = documented.request if documented else None
        if documented and documented.multipart:
            given = multipart_example(documented.multipart, nested=True)
            content["multipart/form-data"] = {"schema": multipart_schema(shaper, body["schema"], documented.multipart)}
        request = body["example"] = shaper.request(body["schema"], given)
    if "multipart/form-data" in content and documented:
        content["multipart/form-data"]["example"] = multipart_example(documented.multipart, nested=False)
    return request
