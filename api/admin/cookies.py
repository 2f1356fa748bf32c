"""The panel's two cookies: who is logged in, and what CSRF tokens are made with. Neither leaves /admin."""

import hashlib
import hmac
from typing import Any

from flask import Flask, Response, request
from flask.sessions import SecureCookieSessionInterface

from api.scope import resources
from models.session import secret_key
from models.settings import Settings

PATH = "/admin"
SESSION_COOKIE = "exosend_admin"
FORMS_COOKIE = "exosend_admin_forms"


class _FormsCookie(SecureCookieSessionInterface):
    """Flask's own signed cookie. Flask-WTF keeps the secret of its CSRF tokens there; the API never looks at it."""

    def open_session(self, app: Flask, request: Any) -> Any:
        if not request.path.startswith(PATH):  # the route is not known yet
            return self.make_null_session(app)
        return super().open_session(app, request)

    def get_cookie_secure(self, app: Flask) -> bool:  # noqa: ARG002
        return is_https()


def configure_cookies(app: Flask, settings: Settings) -> None:
    """Sign under a key of its own, which follows from the secret key."""
    app.secret_key = hmac.new(secret_key(settings).encode(), b"admin: cookies", hashlib.sha256).digest()
    app.session_interface = _FormsCookie()
    app.config["SESSION_COOKIE_NAME"] = FORMS_COOKIE
    app.config["SESSION_COOKIE_PATH"] = PATH
    app.config["SESSION_COOKIE_SAMESITE"] = "Lax"


def is_https() -> bool:
    """Whether the browser came by https: this request did, or the public address says so."""
    return request.is_secure or resources().settings.api_url.startswith("https://")


def session_id() -> str | None:
    """What the browser says its session is."""
    id_ = request.cookies.get(SESSION_COOKIE, "")
    return id_ if 0 < len(id_) <= 100 and id_.isascii() else None


def set_session_cookie(answer: Response, id_: str) -> None:
    """Let the browser keep the session until it is closed; the server ends it sooner."""
    answer.set_cookie(SESSION_COOKIE, id_, path=PATH, httponly=True, samesite="Lax", secure=is_https())


def delete_session_cookie(answer: Response) -> None:
    """Let the browser forget the session."""
    answer.delete_cookie(SESSION_COOKIE, path=PATH, httponly=True, samesite="Lax", secure=is_https())
