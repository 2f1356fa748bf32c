"""The panel as one blueprint: its parts, its headers, what its pages may use."""

from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import uuid4

from flask import Blueprint, Flask, Response, g, request
from werkzeug.middleware.proxy_fix import ProxyFix

from api.admin import audit_log, login, organizations, own_profile, sender_ids, system_templates, tokens, users
from api.admin.cookies import configure_cookies
from api.admin.door import OPEN, Visit, csrf
from api.admin.errors import register_admin_errors
from models.rules.roles import Right
from models.settings import Settings

_SECTIONS = [
    own_profile.home,
    own_profile.section,
    login.section,
    organizations.section,
    sender_ids.section,
    tokens.section,
    users.section,
    system_templates.section,
    audit_log.section,
]

_HEADERS = {
    # Nothing but the one style sheet, frames of our own, and forms to ourselves.
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; img-src 'self' data:; frame-src 'self'; form-action 'self'; "
        "base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",  # Flask-WTF looks at it under https
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=()",
    "Cache-Control": "no-store",
}


def register_panel(app: Flask, settings: Settings) -> None:
    """Serve the panel under /admin."""
    configure_cookies(app, settings)
    app.config["WTF_CSRF_CHECK_DEFAULT"] = False  # the API has tokens of its own; api/admin/door.py asks
    app.config["WTF_CSRF_TIME_LIMIT"] = None  # as good as the cookie that it was made with
    csrf.init_app(app)
    if settings.trusted_proxies:
        count = settings.trusted_proxies
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=count, x_proto=count, x_host=count)  # type: ignore[method-assign]
    panel = Blueprint("admin", __name__, url_prefix="/admin", template_folder="pages", static_folder="static")
    for section in _SECTIONS:
        panel.register_blueprint(section)
    panel.after_request(_set_headers)
    panel.app_template_filter("moment")(_moment)
    panel.app_template_filter("amount")(_amount)
    panel.context_processor(_page_values)
    register_admin_errors(panel)
    app.register_blueprint(panel)


def _set_headers(answer: Response) -> Response:
    is_file = request.endpoint == "admin.static"
    for name, value in _HEADERS.items():
        if not (is_file and name == "Cache-Control"):
            answer.headers.setdefault(name, value)
    return answer


def _page_values() -> dict[str, Any]:
    """What every page may use: who is logged in, what they may, and what came of the form they sent."""
    current: Visit | None = g.get("visit")
    return {
        "who": g.get("who"),
        "Right": Right,
        "notice": current.notice if current else None,
        "problems": current.problems if current else {},
        "refusal": current.refusal if current else None,
        "sent": request.form if request.method == "POST" and request.endpoint not in OPEN else {},
        "new_form_key": lambda: str(uuid4()),
    }


def _moment(value: datetime | None) -> str:
    return "" if value is None else f"{value:%Y-%m-%d %H:%M}"


def _amount(value: Decimal) -> str:
    """With two decimals, or as many more as it has."""
    exact = value.normalize()
    places = max(2, -int(exact.as_tuple().exponent))
    return f"{value:,.{places}f}"
