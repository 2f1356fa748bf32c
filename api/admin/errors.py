"""What goes wrong in the panel, as a page that says so."""

import logging
from http import HTTPStatus

from flask import Blueprint, Response, g, make_response, render_template, request
from flask_wtf.csrf import CSRFError
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from werkzeug.exceptions import HTTPException
from werkzeug.routing import RequestRedirect

from models.errors import ExoSendError

logger = logging.getLogger(__name__)

_TEXTS = {
    400: "The form is too old, or was not sent from this page. Go back, load the page again, and send it once more.",
    403: "Your role does not allow this.",
    404: "There is no such page, or it is not yours to see.",
    413: "The form is too large.",
    503: "The database is away for the moment. Try again soon.",
}


def register_admin_errors(panel: Blueprint) -> None:
    """Answer every exception of the panel's views with a page."""
    panel.register_error_handler(CSRFError, lambda _error: _page(400))
    panel.register_error_handler(ExoSendError, _product_error)
    panel.register_error_handler(HTTPException, _http_error)
    for away in (OperationalError, InterfaceError, PoolTimeoutError):
        panel.register_error_handler(away, _database_away)
    panel.register_error_handler(Exception, _unexpected)


def _product_error(error: ExoSendError) -> Response:
    return _page(error.status) if error.status in _TEXTS else _unexpected(error)


def _http_error(error: HTTPException) -> Response:
    if isinstance(error, RequestRedirect):
        return Response(status=error.code, headers=dict(error.get_headers()))
    return _page(error.code or 500)


def _database_away(error: Exception) -> Response:
    # Parameters are people's data: only the kind of error and the driver's first line are logged.
    cause = str(getattr(error, "orig", error)).split("\n")[0]
    logger.error("%s %s: the database is away: %s: %s", request.method, request.path, type(error).__name__, cause)
    return _page(503)


def _unexpected(error: Exception) -> Response:
    logger.error("%s %s failed", request.method, request.path, exc_info=error)
    return _page(500)


def _page(status: int) -> Response:
    g.pop("visit", None)
    text = _TEXTS.get(status, "Something went wrong here. It has been written to the log.")
    answer = make_response(render_template("error.html", status=status, title=HTTPStatus(status).phrase, text=text))
    answer.status_code = status
    return answer
