"""One's own page: who one is, the password, one's tokens."""

from flask import redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from api.admin.door import visit
from api.admin.schemas import PasswordChange, form_values
from api.admin.section import Done, Section
from models.errors import InvalidInput, NotFound
from models.passwords import verify_password
from models.rules.roles import Right
from models.store.admin_sessions import open_session
from models.store.tokens import list_tokens
from models.store.users import read_user, set_password

section = Section("profile", __name__)
home = Section("home", __name__)


@home.page("/", Right.USE_PANEL)
def show_home() -> Response:
    """What one sees first: the organizations, or the own one."""
    who = visit().who
    if who.organization_id is None:
        return redirect(url_for("admin.organizations.show_organizations"), 303)
    return redirect(url_for("admin.organizations.show_organization", organization_id=who.organization_id), 303)


@home.page("/<path:_rest>", Right.USE_PANEL)
def show_nothing(_rest: str) -> str:
    """Any other path: a page that says so, and not the API's answer."""
    raise NotFound


@section.page("/profile", Right.USE_PANEL, is_open_to_new_users=True)
def show_profile() -> str:
    """The profile."""
    who = visit().who
    tokens = list_tokens(visit().session, who.organization_id, user_id=who.user_id)
    return render_template("profile.html", tokens=tokens)


@section.form("/profile/password", Right.USE_PANEL, page=show_profile, is_open_to_new_users=True)
def change_password() -> Done:
    """Change one's own password. All sessions end; this browser gets a new one."""
    form_values(PasswordChange)
    # As they were typed: spaces at the ends of a password belong to it.
    current, new, repeated = (request.form[name] for name in ("current_password", "new_password", "repeated_password"))
    session, who = visit().session, visit().who
    user = read_user(session, who.organization_id, who.user_id)
    if not verify_password(user.password_hash, current):
        raise InvalidInput({"current_password": ["The current_password field is not your password."]})
    if new != repeated:
        raise InvalidInput({"repeated_password": ["The repeated_password field must be the same as new_password."]})
    if new == current:
        raise InvalidInput({"new_password": ["The new_password field must not be the password that you have."]})
    set_password(session, user, new, actor=who.email, field="new_password")
    visit().new_session_id = open_session(session, who.user_id)
    return Done(url_for("admin.profile.show_profile"), "Your password was changed. You are logged out elsewhere.")
