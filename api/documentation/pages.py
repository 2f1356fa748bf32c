"""The pages for people: /docs to try the API, /docs/reference to read about it. Nothing comes from elsewhere."""

import re
from collections.abc import Callable
from functools import cache
from pathlib import Path

from flask import Blueprint, Flask, Response, render_template
from markupsafe import Markup, escape

from api.documentation.describe import Document
from api.documentation.reference import make_reference

_STATIC = Path(__file__).parents[1] / "static"
# Swagger UI has its icons as data: in its style sheet.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}
_STATIC_SECONDS = 3600
_CODE = re.compile(r"`([^`]+)`")


def register_pages(app: Flask, document: Callable[[], Document], api_url: str) -> None:
    """Serve the pages. `document` gives the description of the API, `api_url` is where clients reach it."""
    blueprint = Blueprint(
        "docs",
        __name__,
        url_prefix="/docs",
        static_folder=str(_STATIC),
        static_url_path="/static",
        template_folder="templates",
    )

    @cache
    def written() -> str:
        return _reference_page(document(), api_url)  # takes a tenth of a second, and is the same for everybody

    @blueprint.get("", strict_slashes=False)
    def interactive() -> str:
        return render_template("documentation/interactive.html")

    @blueprint.get("/reference")
    def reference() -> str:
        return written()

    @blueprint.after_request
    def secure(answer: Response) -> Response:
        answer.headers.update(_HEADERS)
        if answer.status_code == 200 and answer.mimetype != "text/html":
            answer.cache_control.max_age = _STATIC_SECONDS
        return answer

    app.register_blueprint(blueprint)


def _reference_page(document: Document, api_url: str) -> str:
    return render_template(
        "documentation/reference.html",
        reference=make_reference(document),
        title=document["info"]["title"],
        description=document["info"]["description"],
        api_url=f"{api_url}/api/v1",
        prose=prose,
    )


def prose(text: str) -> Markup:
    """A description as paragraphs, with what stands between backticks as code."""
    paragraphs = [" ".join(part.split()) for part in text.split("\n\n") if part.strip()]
    return Markup("").join(Markup("<p>{}</p>").format(_inline(each)) for each in paragraphs)


def _inline(text: str) -> Markup:
    return Markup(_CODE.sub(r"<code>\1</code>", str(escape(text))))  # noqa: S704 - escaped before
