"""What every resource's blueprint does by itself: late arguments, names of operations, the errors in the docs."""

import re
from collections.abc import Callable, Sequence
from http import HTTPStatus
from typing import Any
from uuid import UUID

import flask_smorest
from marshmallow import Schema
from werkzeug.routing import BaseConverter

from api.answers import answering
from api.arguments import LateArguments
from api.idempotency import HEADER, REPLAYED
from api.schemas.files import json_form

View = Callable[..., Any]

RATE_LIMIT_HEADERS = ("X-RateLimit-Limit", "X-RateLimit-Remaining")

_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


class IdConverter(BaseConverter):
    """An id in a path. A malformed one becomes None, which is answered 404 – but after the token was looked at."""

    def to_python(self, value: str) -> UUID | None:
        return UUID(value) if _UUID.fullmatch(value) else None


class Blueprint(flask_smorest.Blueprint):  # type: ignore[misc]
    """A resource of the API, under /api/v1. Its views run in the scope of an authenticated request (api/app.py)."""

    ARGUMENTS_PARSER = LateArguments()

    def __init__(self, name: str, import_name: str, description: str) -> None:
        super().__init__(name, import_name, url_prefix="/api/v1", description=description)

    def arguments(self, schema: type[Schema], *, location: str = "json", **options: Any) -> Callable[[View], View]:
        """Give the view its `Arguments` (api/arguments.py), checked by `schema`.

        With location "files" the body is a form or JSON.
        """
        decorator: Callable[[View], View] = super().arguments(schema, location=location, **options)
        if location != "files":
            return decorator
        as_json = self.doc(requestBody={"content": {"application/json": {"schema": json_form(schema)}}})
        return lambda view: as_json(decorator(view))

    def response(self, status: int, schema: type[Schema] | None = None, **options: Any) -> Callable[[View], View]:
        """Answer what the view returns, in the form of `schema`."""
        document: Callable[[View], View] = super().response(status, schema, **options)
        if schema is None:
            return document
        answer = answering(schema(), status)
        return lambda view: _as_documented(answer(view), document(view))

    def alt_response(self, status: int, *reference: str, **options: Any) -> Callable[[View], View]:
        """Document another answer."""
        document: Callable[[View], View] = super().alt_response(status, *reference, **options)
        return lambda view: _as_documented(view, document(view))

    def route(self, rule: str, *, errors: tuple[int, ...] = (), **options: Any) -> Callable[[View], View]:
        """Register a view. Its name is the operation's id.

        Token, limit of requests, `Idempotency-Key` of a POST, and the errors that come of them are documented by
        themselves.
        """
        register = super().route(rule, **options)
        is_post = "POST" in options.get("methods", ())

        def decorator(view: View) -> View:
            words = view.__name__.split("_")
            documented: View = self.doc(
                operationId=words[0] + "".join(word.capitalize() for word in words[1:]),
                security=[{"token": []}],
                **({"parameters": [HEADER]} if is_post else {}),
            )(view)
            _document_headers(documented, (*RATE_LIMIT_HEADERS, REPLAYED) if is_post else RATE_LIMIT_HEADERS)
            known = {401, 429, 503, *errors}
            known |= {404} if "<" in rule else set()
            known |= {409, 422} if is_post else set()
            known |= {422} if "arguments" in getattr(view, "_apidoc", {}) else set()
            for status in sorted(known):
                documented = self.alt_response(status, HTTPStatus(status).name)(documented)
            register(documented)
            return documented

        return decorator


def _as_documented(view: View, documented: View) -> View:
    """The view with what flask-smorest says of it, and without the call that it puts around it: there would be one for
    each error of each request."""
    view._apidoc = documented._apidoc  # type: ignore[attr-defined]
    return view


def _document_headers(view: View, names: Sequence[str]) -> None:
    """Say that every answer of the view that is not an error has these headers."""
    for answers in view._apidoc["response"]["responses"].values():  # type: ignore[attr-defined]
        for answer in answers:
            answer["headers"] = {name: name for name in names}
