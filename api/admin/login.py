"""Log in and log out. Every refusal is the same, and takes as long, whether the account is there or not."""

from urllib.parse import urlsplit

from flask import Response, make_response, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue

from api.admin.cookies import delete_session_cookie, session_id, set_session_cookie
from api.admin.door import visit
from api.admin.section import Section
from api.scope import resources
from models.passwords import PASSWORD_MAX, verify_password
from models.rules.roles import Right
from models.store.admin_sessions import close_session, count_try, find_account, forgive, open_session

section = Section("login", __name__)

_WRONG = "This email address and password do not go together."


@section.get("/login")
def show_login() -> str:
    """The page to log in."""
    return _page(None)


@section.post("/login")
def log_in() -> ResponseReturnValue:
    """Log in: a new session, whatever the browser had before."""
    email = request.form.get("email", "").replace("\x00", "").strip()[:320]
    password = request.form.get("password", "")[: PASSWORD_MAX + 1]
    address = request.remote_addr or ""
    database = resources().database
    with database.autocommit() as connection:
        seconds = count_try(connection, email, address)
        if seconds:
            return _wait(seconds)
        account = find_account(connection, email)
    # No connection is held meanwhile: this is what takes long.
    if not verify_password(account.password_hash if account else None, password) or account is None:
        return _page(_WRONG), 422
    with database.autocommit() as connection:
        forgive(connection, email, address)
        before = session_id()
        if before is not None:
            close_session(connection, before)
        id_ = open_session(connection, account.user_id)
    session.clear()  # CSRF tokens that were shown to somebody who was not known
    answer = make_response(redirect(_target(), 303))
    set_session_cookie(answer, id_)
    return answer


@section.action("/logout", Right.USE_PANEL)
def log_out() -> Response:
    """End the session, here and in the database."""
    close_session(visit().session, visit().session_id)
    session.clear()
    answer = make_response(redirect(url_for("admin.login.show_login"), 303))
    delete_session_cookie(answer)
    return answer


def _page(problem: str | None) -> str:
    email = request.form.get("email", "")
    return render_template("login.html", problem=problem, email=email, next=request.values.get("next", ""))


def _wait(seconds: int) -> ResponseReturnValue:
    minutes = -(-seconds // 60)
    wait = f"{seconds} seconds" if seconds < 60 else f"{minutes} minute{'s' if minutes > 1 else ''}"
    answer = make_response(_page(f"Too many failed attempts. Try again in {wait}."), 429)
    answer.headers["Retry-After"] = str(seconds)
    return answer


def _target() -> str:
    """Where the browser wanted to go, if that is a page of the panel."""
    wanted = request.form.get("next", "")
    return wanted if _is_ours(wanted) else url_for("admin.home.show_home")


def _is_ours(wanted: str) -> bool:
    if "\\" in wanted or not wanted.isprintable():  # a line's end would be one of the header
        return False
    try:
        parts = urlsplit(wanted)
    except ValueError:  # brackets that are no IPv6 address
        return False
    return not parts.scheme and not parts.netloc and parts.path.startswith("/admin/")
