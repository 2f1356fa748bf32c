"""Errors in the description of the API: their schemas, and an example of each. Answering them is api/errors.py."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from marshmallow import Schema, fields

from api.schemas.fields import Amount


class ErrorSchema(Schema):
    """An error that is told in one sentence."""

    message = fields.String(required=True)


class InvalidInputSchema(ErrorSchema):
    """What is wrong, by dotted names: `recipients.0`."""

    errors = fields.Dict(keys=fields.String(), values=fields.List(fields.String()), required=True)


class _State(Schema):
    code = fields.String(required=True)
    current_status = fields.String(required=True, allow_none=True)


class IllegalStateSchema(ErrorSchema):
    """The thing is in a state in which this cannot be done."""

    success = fields.Boolean(required=True)
    error = fields.Nested(_State, required=True)


class _Credits(Schema):
    required = Amount(required=True)
    available = Amount(required=True)


class InsufficientCreditsSchema(ErrorSchema):
    """The balance does not cover the cost; nothing was charged."""

    success = fields.Boolean(required=True)
    data = fields.Nested(_Credits, required=True)


_BODIES: Mapping[int, type[Schema]] = {
    402: InsufficientCreditsSchema,
    409: IllegalStateSchema,
    422: InvalidInputSchema,
}

_DESCRIPTIONS: Mapping[int, str] = {
    401: "No token, or one that is not known, was revoked or has expired.",
    402: "The balance does not cover the cost. Nothing was charged, and nothing is sent.",
    403: "It is there, and not yours to change.",
    404: "There is no such thing in your organization; also for an id that cannot be one.",
    405: "The path is there, the method is not.",
    409: "Its state does not allow this; or a request with the same `Idempotency-Key` has not ended yet.",
    413: "The request is larger than 16 MB.",
    422: "What is wrong, by the name of the field; all of it at once.",
    429: "The organization has used up its requests of this minute.",
    503: "The database is away, or has no room. Nothing was done; try again.",
}

_EXAMPLES: Mapping[int, dict[str, Any]] = {
    401: {"message": "Unauthenticated."},
    402: {
        "success": False,
        "message": "Insufficient credits.",
        "data": {"required": 50, "available": 12.5},
    },
    403: {"message": "This action is unauthorized."},
    404: {"message": "Not found."},
    409: {
        "success": False,
        "message": "A campaign that is completed cannot be cancelled.",
        "error": {"code": "invalid_status", "current_status": "completed"},
    },
    413: {"message": "Payload Too Large"},
    422: {
        "message": "The name field is required. (and 1 more error)",
        "errors": {
            "name": ["The name field is required."],
            "target_list_ids.0": ["The target_list_ids.0 field must be a valid UUID."],
        },
    },
    429: {"message": "Too Many Attempts."},
    500: {"message": "Server Error"},
    503: {"message": "Service Unavailable"},
}


def error_response(status: HTTPStatus) -> dict[str, Any]:
    """The description of an error, as flask-smorest takes it."""
    return {
        "description": _DESCRIPTIONS.get(status.value, status.phrase),
        "schema": _BODIES.get(status.value, ErrorSchema),
        "example": _EXAMPLES.get(status.value, {"message": status.phrase}),
    }
