"""Every request to the panel goes through `answer`: session, CSRF token, right, then one transaction for its view.

The transaction sees the organization of whoever is logged in, by row-level security; a super admin's sees all, since
the database finds the session and its role itself (models/migrations/versions/0008_admin.py, app_platform).
"""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from flask import Response, current_app, g, make_response, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_wtf.csrf import CSRFProtect
from sqlalchemy.orm import Session
from werkzeug.exceptions import BadRequest

from api.admin.cookies import session_id, set_session_cookie
from api.admin.section import RULES, Done, Rule
from api.scope import resources
from models.encryption import decrypt, encrypt
from models.errors import Forbidden, IllegalState, InvalidInput, NotFound
from models.rules.roles import Right, UserRole
from models.store.admin_forms import claim_form, finish_form, take_notice
from models.store.admin_sessions import SignedIn, act_on_platform, read_session

OPEN = frozenset({"admin.login.show_login", "admin.login.log_in", "admin.static"})
"""What of the panel needs no session."""

FORM_BYTES_MAX = 4 * 1024 * 1024  # three sources of a template
_OPEN_FORM_BYTES_MAX = 16 * 1024  # of somebody who is not known

csrf = CSRFProtect()


@dataclass
class Visit:
    """One request of somebody who is logged in."""

    who: SignedIn
    session_id: str
    session: Session
    problems: dict[str, list[str]] = field(default_factory=dict)  # what was wrong in the form that is shown again
    refusal: str | None = None
    notice: dict[str, str] | None = None
    new_session_id: str | None = None


def visit() -> Visit:
    """The visit that is being answered."""
    found: Visit = g.visit
    return found


def platform_or_own() -> UUID | None:
    """Whose rows are meant: the organization's own or, for a super admin, None: those of all."""
    return visit().who.organization_id


def check_organization(organization_id: UUID) -> None:
    """Raises NotFound for another organization's id, unless a super admin asks."""
    if platform_or_own() not in (None, organization_id):
        raise NotFound


def allowed(right: Right) -> None:
    """Raises Forbidden without the right; for what a view asks besides its own rule."""
    if not visit().who.may(right):
        raise Forbidden


def answer(dispatch: Callable[[], ResponseReturnValue]) -> ResponseReturnValue:
    """Answer a request to the panel. `dispatch` calls its view."""
    if request.endpoint in OPEN:
        request.max_content_length = request.max_form_memory_size = _OPEN_FORM_BYTES_MAX
        csrf.protect()
        return dispatch()
    request.max_content_length = request.max_form_memory_size = FORM_BYTES_MAX
    id_ = session_id()
    who = None
    if id_ is not None:
        with resources().database.autocommit() as connection:
            who = read_session(connection, id_)
    if id_ is None or who is None:
        return _to_login()
    g.who = who
    csrf.protect()  # reads the form, before a connection is taken
    view = current_app.view_functions[request.endpoint or ""]
    rule = RULES[view]
    if who.must_change_password and not rule.is_open_to_new_users:
        return redirect(url_for("admin.profile.show_profile"), 303)
    if not who.may(rule.right):
        raise Forbidden
    if None in (request.view_args or {}).values():
        raise NotFound
    if rule.page is None:
        with _transaction(who, id_):
            _read_notice()
            return make_response(dispatch())
    try:
        with _transaction(who, id_):
            return _do_once(dispatch, rule)
    except (InvalidInput, IllegalState) as error:
        return _show_again(error, rule, who, id_)


@contextmanager
def _transaction(who: SignedIn, id_: str) -> Iterator[None]:
    with resources().database.transaction(who.organization_id) as session:
        if who.role == UserRole.SUPER_ADMIN:
            act_on_platform(session, id_)
        g.visit = Visit(who, id_, session)
        yield


def _do_once(dispatch: Callable[[], ResponseReturnValue], rule: Rule) -> Response:
    key = _form_key(request.form.get("form_key"))
    if key is None:
        raise BadRequest
    session, who = visit().session, visit().who
    location = claim_form(session, who.user_id, key)
    if location is None:
        done: Any = dispatch()
        assert isinstance(done, Done), rule
        location = done.location
        notice = {"message": done.message} | ({"secret": done.secret} if done.secret else {})
        sealed = encrypt(resources().settings, json.dumps(notice).encode())
        finish_form(session, who.user_id, key, location=location, notice=sealed)
    target = make_response(redirect(f"{location}{'&' if '?' in location else '?'}{urlencode({'form': str(key)})}", 303))
    new_id = visit().new_session_id
    if new_id is not None:
        set_session_cookie(target, new_id)
    return target


def _show_again(error: InvalidInput | IllegalState, rule: Rule, who: SignedIn, id_: str) -> Response:
    """The page of the form, with what was wrong. The transaction of the form is gone, so this is another one."""
    with _transaction(who, id_):
        if isinstance(error, InvalidInput):
            visit().problems = error.errors
        else:
            visit().refusal = str(error)
        assert rule.page is not None
        shown = make_response(rule.page(**(request.view_args or {})))
        shown.status_code = error.status
        return shown


def _read_notice() -> None:
    key = _form_key(request.args.get("form"))
    if key is not None:
        sealed = take_notice(visit().session, visit().who.user_id, key)
        if sealed is not None:
            visit().notice = json.loads(decrypt(resources().settings, sealed))


def _form_key(text: str | None) -> UUID | None:
    try:
        return UUID(text or "")
    except ValueError:
        return None


def _to_login() -> ResponseReturnValue:
    if request.method != "GET" or request.endpoint == "admin.home.show_home":
        return redirect(url_for("admin.login.show_login"), 303)
    return redirect(url_for("admin.login.show_login", next=request.full_path.rstrip("?")), 303)
