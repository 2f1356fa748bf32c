"""From a request to checked values: trimmed, "" as null, unknown fields ignored, errors with dotted names."""

import re
from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from typing import Any, TypeVar

import orjson
from flask import Request, request
from marshmallow import Schema, ValidationError

from api.bracketed import read_bracketed
from api.forms import FORMS, MULTIPART, Unreadable, has_body
from models.errors import InvalidInput

_Result = TypeVar("_Result")

Values = dict[str, Any]
Errors = dict[str, list[str]]

DEPTH_MAX = 32  # of nested lists and objects: more than any field takes
_BODY = "body"
_HALF_PAIR = re.compile("[\ud800-\udfff]").search


class Arguments:
    """What a view gets for its body or its query: called, it checks them.

    A view calls it when it knows that the thing in its path is there, since 404 comes before 422.
    """

    def __init__(self, checker: Schema, read: Callable[[], Mapping[str, Any]]) -> None:
        self._checker = checker
        self._read = read

    def __call__(self) -> Values:
        """The values. Raises InvalidInput."""
        return check(self._checker, self._read())

    def partly(self, *lists: str) -> tuple[Values, Errors]:
        """The values that are right, and what is wrong with the others: for a view with checks of its own, so that
        its answer names every wrong field at once. Of `lists` what is right of their items is among the values, each
        at its place. Raises InvalidInput for a body that cannot be read."""
        return check_partly(self._checker, self._read(), lists)


class LateArguments:
    """In place of webargs in flask-smorest: checks when the view asks for the values, not before."""

    DEFAULT_VALIDATION_STATUS = 422

    def use_args(
        self, schema: type[Schema], *, location: str, **_options: object
    ) -> Callable[[Callable[..., _Result]], Callable[..., _Result]]:
        """A decorator that gives the view its `Arguments` as first argument."""
        read = {"json": _json, "query": _query, "files": _json_or_multipart}[location]
        checker = schema()

        def decorator(view: Callable[..., _Result]) -> Callable[..., _Result]:
            @wraps(view)
            def wrapper(*args: Any, **kwargs: Any) -> _Result:
                return view(Arguments(checker, lambda: read(request)), *args, **kwargs)

            return wrapper

        return decorator


def check(checker: Schema, given: Mapping[str, Any]) -> Values:
    """The values of a schema's fields. Raises InvalidInput."""
    values, errors = check_partly(checker, given)
    if errors:
        raise InvalidInput(errors)
    return values


def check_partly(checker: Schema, given: Mapping[str, Any], lists: Sequence[str] = ()) -> tuple[Values, Errors]:
    """The values of the fields that are right, and what is wrong with the others.

    Raises InvalidInput for text that is none and for what is nested too deeply.
    """
    errors: Errors = {}
    cleaned = _clean(given, "", errors, 0)
    if errors:
        raise InvalidInput(errors)
    try:
        values: Values = checker.load(cleaned)
    except ValidationError as error:
        right = dict(error.valid_data or {})
        kept = {name: right[name] for name in right if name in lists or name not in error.messages}
        return kept, flatten(error.messages)
    return values, {}


def flatten(messages: object, place: str = "") -> dict[str, list[str]]:
    """marshmallow's nested messages under dotted names, each with its name in place of `:field`."""
    if isinstance(messages, Mapping):
        found: dict[str, list[str]] = {}
        for key, below in messages.items():
            name = _BODY if key == "_schema" else str(key)
            found |= flatten(below, f"{place}.{name}" if place else name)
        return found
    listed = messages if isinstance(messages, list) else [messages]
    return {place: [str(message).replace(":field", place) for message in listed]}


def _clean(value: Any, place: str, errors: dict[str, list[str]], depth: int) -> Any:
    if depth > DEPTH_MAX:
        errors[place or _BODY] = [f"The {place.partition('.')[0]} field is nested too deeply."]
        return None
    if isinstance(value, str):
        if not _can_be_stored(value):
            errors[place] = [f"The {place} field must be valid text."]
        return value.strip() or None
    start = f"{place}." if place else ""
    if isinstance(value, list):
        return [_clean(item, f"{start}{index}", errors, depth + 1) for index, item in enumerate(value)]
    if isinstance(value, dict):
        for key in value:
            if not _can_be_stored(key):
                errors[place or _BODY] = [f"The {place or _BODY} field must have valid names."]
        return {key: _clean(item, f"{start}{key}", errors, depth + 1) for key, item in value.items()}
    return value


def _can_be_stored(text: str) -> bool:
    """Postgres stores neither NUL nor half of a surrogate pair."""
    return "\x00" not in text and (text.isascii() or _HALF_PAIR(text) is None)


def _json(incoming: Request) -> Mapping[str, Any]:
    """The body as JSON, whatever its content type says; no body is an empty object, and so is a form of no parts."""
    if incoming.mimetype == MULTIPART:  # it was read as a form: nothing is left of it to be read here
        if has_body(incoming) and (incoming.form or incoming.files or isinstance(incoming.form, Unreadable)):
            raise _not_valid("JSON")
        return {}
    data = incoming.get_data()
    if not data.strip():
        return {}
    try:
        body = orjson.loads(data)
    except ValueError:
        raise _not_valid("JSON") from None
    if body == []:  # how PHP writes an empty object
        return {}
    if not isinstance(body, dict):
        raise InvalidInput({_BODY: ["The body must be a JSON object."]})
    return body


def _not_valid(what: str) -> InvalidInput:
    return InvalidInput({_BODY: [f"The body must be valid {what}."]})


def _query(incoming: Request) -> Mapping[str, Any]:
    return incoming.args.to_dict()


def _json_or_multipart(incoming: Request) -> Mapping[str, Any]:
    """What documentation shows as multipart may come as JSON too, and as a form that has no files.

    A file field that was left empty is none.
    """
    if incoming.mimetype not in FORMS:
        return _json(incoming)
    if not has_body(incoming):
        return {}
    if isinstance(incoming.form, Unreadable):
        raise _not_valid(incoming.mimetype)
    files = [(name, file) for name, file in incoming.files.items(multi=True) if file.filename]
    return read_bracketed([*incoming.form.items(multi=True), *files])
