"""Pages for people who came by a link: plain, without anything from elsewhere, and nobody may keep or frame them."""

from base64 import b64encode
from functools import cache
from hashlib import sha256
from pathlib import Path

from flask import Response, render_template

_STYLE = Path(__file__).parent / "pages" / "page.css"


@cache
def _style() -> tuple[str, str]:
    """The style sheet, which is in the page, and the hash that allows it."""
    text = _STYLE.read_text()
    return text, b64encode(sha256(text.encode()).digest()).decode()


def page(template: str, status: int = 200, **values: object) -> Response:
    """A page of pages/."""
    style, digest = _style()
    answer = Response(render_template(f"tracking/{template}", style=style, **values), status, mimetype="text/html")
    answer.headers.update(
        {
            "Content-Security-Policy": (
                f"default-src 'none'; style-src 'sha256-{digest}'; form-action 'self'; base-uri 'none'; "
                "frame-ancestors 'none'"
            ),
            "Cache-Control": "no-store",
            "Referrer-Policy": "no-referrer",
            "X-Content-Type-Options": "nosniff",
            "X-Robots-Tag": "noindex, nofollow",
        }
    )
    return answer


def not_found() -> Response:
    """For a link that was not made here, or is too old."""
    return page("not_found.html", 404)
