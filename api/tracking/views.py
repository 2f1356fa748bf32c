"""The pixel and the redirect."""

from base64 import b64decode

from flask import Blueprint, Response, request

from api.scope import resources
from api.tracking.answers import not_found
from api.tracking.visits import engagement_of
from models.rules.link_tokens import LinkKind, is_web_address
from models.rules.reports import ReportKind

blueprint = Blueprint("tracking", __name__)

PIXEL = b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAICRAEAOw==")
"""A transparent GIF of one pixel: 43 bytes."""
_NOT_STORED = {"Cache-Control": "no-store, no-cache, must-revalidate, private, max-age=0", "Pragma": "no-cache"}
_GIF = {**_NOT_STORED, "X-Content-Type-Options": "nosniff", "Cross-Origin-Resource-Policy": "cross-origin"}
# Where people go to is told nothing of the link they came by: it is theirs.
_REDIRECT = {**_NOT_STORED, "Referrer-Policy": "no-referrer", "X-Robots-Tag": "noindex, nofollow"}


@blueprint.route("/t/o/<token>", merge_slashes=False)
def opened(token: str) -> Response:
    """The pixel, whatever the token: a broken picture helps nobody."""
    found = resources().link_keys.read(LinkKind.OPEN, token)
    if found is not None:
        resources().recorder.note(engagement_of(request, ReportKind.OPENED, found.message_id))
    return Response(PIXEL, headers=_GIF, mimetype="image/gif")


@blueprint.route("/t/c/<token>", merge_slashes=False)
def clicked(token: str) -> Response:
    """On to where the author pointed the link; nowhere, if the token was not made here."""
    found = resources().link_keys.read(LinkKind.CLICK, token)
    if found is None or found.url is None or not is_web_address(found.url):
        return not_found()
    resources().recorder.note(engagement_of(request, ReportKind.CLICKED, found.message_id, url=found.url))
    return Response(status=302, headers={**_REDIRECT, "Location": found.url}, mimetype="text/html")
