"""The one place where an error becomes an answer. Never a stack trace, never a library's own words."""

import errno
import logging
import tempfile
from collections.abc import Mapping
from typing import Any

from flask import Flask, Response, jsonify, request
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge
from werkzeug.routing import RequestRedirect

from models.errors import ExoSendError, Forbidden, IllegalState, InsufficientCredits, InvalidInput, NotFound
from models.session import DATABASE_AWAY

logger = logging.getLogger(__name__)

# Postgres is back after a restart by then; what is not over sooner is told the same again.
_AWAY_SECONDS = 5
_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT})

_TEXTS = {401: "Unauthenticated.", 403: str(Forbidden()), 404: str(NotFound()), 503: "Service Unavailable"}


class Unauthenticated(ExoSendError):
    """The request carries no token that is known, whole and still good."""

    status = 401

    def __init__(self) -> None:
        super().__init__(_TEXTS[401])


def register_errors(app: Flask) -> None:
    """Make the application answer every exception in the contract's form."""
    app.register_error_handler(ExoSendError, _product_error)
    app.register_error_handler(HTTPException, _http_error)
    for away in DATABASE_AWAY:
        app.register_error_handler(away, _database_away)
    app.register_error_handler(OSError, _disk_error)
    app.register_error_handler(Exception, _unexpected)


def _product_error(error: ExoSendError) -> Response:
    if error.status >= 500 and error.status != 503:
        return _unexpected(error)
    return _answer(error.status, _body(error))


def _body(error: ExoSendError) -> Mapping[str, Any]:
    if isinstance(error, InvalidInput):
        return {"message": str(error), "errors": error.errors}
    if isinstance(error, IllegalState):
        states = {"code": error.code, "current_status": error.current_status}
        return {"success": False, "message": str(error), "error": states}
    if isinstance(error, InsufficientCredits):
        amounts = {"required": error.required, "available": error.available}
        return {"success": False, "message": str(error), "data": amounts}
    # A message of its own is for logs and for the command line; from outside all of a status look the same.
    return {"message": _TEXTS.get(error.status, str(error))}


def _http_error(error: HTTPException) -> Response:
    if isinstance(error, RequestRedirect):
        return Response(status=error.code, headers=dict(error.get_headers()))
    if isinstance(error, RequestEntityTooLarge):
        return _answer(413, {"message": "Payload Too Large"})
    status = error.code or 500
    if status >= 500:
        return _unexpected(error)
    answer = _answer(status, {"message": _TEXTS.get(status, error.name)})
    allowed = dict(error.get_headers()).get("Allow")
    if allowed is not None:
        answer.headers["Allow"] = allowed
    return answer


def _database_away(error: Exception) -> Response:
    # The statement may hold people's data: only the kind of error and the driver's first line are logged.
    cause = str(getattr(error, "orig", error)).split("\n")[0]
    logger.error("%s %s: the database is away: %s: %s", request.method, request.path, type(error).__name__, cause)
    return _answer(503, {"message": _TEXTS[503]})


def _disk_error(error: OSError) -> Response:
    """Large bodies are put into a file while they are read: there may be no room for it."""
    if error.errno not in _NO_ROOM:
        return _unexpected(error)
    logger.error("%s %s: there is no room for its body in %s", request.method, request.path, tempfile.gettempdir())
    return _answer(503, {"message": _TEXTS[503]})


def _unexpected(error: Exception) -> Response:
    logger.error("%s %s failed", request.method, request.path, exc_info=error)
    return _answer(500, {"message": "Server Error"})


def _answer(status: int, body: Mapping[str, Any]) -> Response:
    answer = jsonify(body)
    answer.status_code = status
    if status == 503:
        answer.headers["Retry-After"] = str(_AWAY_SECONDS)
    return answer
