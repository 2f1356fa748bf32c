"""The description of the API (OpenAPI 3.1), made from the blueprints."""

from functools import cached_property
from http import HTTPStatus
from typing import Any

import flask_smorest
from flask import Flask, Response, jsonify
from flask_smorest.utils import prepare_response

from api.blueprint import RATE_LIMIT_HEADERS, Blueprint, IdConverter
from api.documentation.describe import Document, describe
from api.documentation.errors import error_response
from api.idempotency import HEADER, KEY_PATTERN, REPLAYED

CONFIG = {
    "API_TITLE": "ExoSend",
    "API_VERSION": "v1",
    "OPENAPI_VERSION": "3.1.0",
    "OPENAPI_URL_PREFIX": "/",
    "OPENAPI_JSON_PATH": "openapi.json",
    "API_SPEC_OPTIONS": {
        "info": {
            "description": "SMS and email for many organizations: single messages, and campaigns as pipelines.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "components": {
            "securitySchemes": {
                "token": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "`Authorization: Bearer <id>|<secret>`, as it was shown when the token was made.",
                }
            }
        },
    },
}


_HEADERS: dict[str, dict[str, Any]] = {
    "X-RateLimit-Limit": {
        "description": "Requests that the organization may make in a minute.",
        "schema": {"type": "integer", "minimum": 1},
    },
    "X-RateLimit-Remaining": {
        "description": "How many of them are left.",
        "schema": {"type": "integer", "minimum": 0},
    },
    "Retry-After": {
        "description": "Seconds after which it may be tried again: with 429 there are requests left then.",
        "schema": {"type": "integer", "minimum": 1},
    },
    REPLAYED: {
        "description": "There, and `true`, if this is the answer that the same request got before under its key.",
        "schema": {"type": "string", "const": "true"},
    },
}

_IDEMPOTENCY_KEY: dict[str, Any] = {
    "description": "Any text that no other POST of the organization had within 24 hours, such as a UUID. The same "
    "request under the same key does its work once: its answer, if it was a success, comes again with "
    f"`{REPLAYED}: true`. Another request under the same key is 422; while the first is being worked on it is 409.",
    "required": False,
    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": KEY_PATTERN},
}

# Answers to callers that are known, so that they say what the limit is.
_LIMITED = (402, 403, 404, 409, 422, 429)
_TRY_AGAIN = (429, 503)


class Api(flask_smorest.Api):  # type: ignore[misc]
    """flask-smorest's documentation, with the contract's errors. Answering them is api/errors.py."""

    DEFAULT_ERROR_RESPONSE_NAME = None

    @cached_property
    def document(self) -> Document:
        """The whole description; made once, when everything is registered."""
        return describe(self.spec.to_dict())

    def _openapi_json(self) -> Response:
        return jsonify(self.document)

    def _register_error_handlers(self) -> None:
        """None: api/errors.py has them all."""

    def _register_responses(self) -> None:
        for name, header in _HEADERS.items():
            self.spec.components.header(name, header, lazy=True)
        self.spec.components.parameter(HEADER, "header", _IDEMPOTENCY_KEY, lazy=True)
        for status in HTTPStatus:
            if status >= 400:
                response = error_response(status)
                names: tuple[str, ...] = RATE_LIMIT_HEADERS if status in _LIMITED else ()
                if status in _TRY_AGAIN:
                    names = (*names, "Retry-After")
                if names:
                    response["headers"] = {name: name for name in names}
                prepare_response(response, self.spec, self.DEFAULT_RESPONSE_CONTENT_TYPE)
                self.spec.components.response(status.name, response, lazy=True)


def register_resources(app: Flask, blueprints: list[Blueprint]) -> Api:
    """Register blueprints, and serve their description at /openapi.json."""
    app.config.update(CONFIG)
    api = Api(app)
    api.register_converter(IdConverter, lambda _converter: {"type": "string", "format": "uuid"})
    for blueprint in blueprints:
        api.register_blueprint(blueprint)
    return api
