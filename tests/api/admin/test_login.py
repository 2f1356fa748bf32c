"""Log-in, sessions and their end."""

from datetime import timedelta

import pytest
from argon2 import PasswordHasher
from sqlalchemy import text

import models.passwords
from models.rules.roles import UserRole
from models.store.organizations import change_organization
from models.store.users import change_user, read_user
from tests.support.panel import PASSWORD, Person, make_person, notice

_WRONG = "This email address and password do not go together."
_PROFILE = "/admin/profile"


@pytest.fixture
def stranger(app, engine, acme) -> Person:
    """An owner of Acme who is not logged in."""
    return make_person(app, engine, UserRole.OWNER, acme.organization_id, "olga@example.com")


def _is_in(person: Person) -> bool:
    return person.get(_PROFILE).status_code == 200


def _cookie(person: Person):
    return person.client.get_cookie("exosend_admin", path="/admin")


def _sql(engine, statement: str, **values) -> None:
    with engine.transaction(None) as session:
        session.execute(text(statement), values)


def test_log_in_and_log_out(stranger) -> None:
    assert stranger.get(_PROFILE).location == "/admin/login?next=/admin/profile"
    answer = stranger.submit(
        "/admin/login?next=/admin/profile", "/admin/login", email=" OLGA@example.com ", password=PASSWORD
    )
    assert (answer.status_code, answer.location) == (303, _PROFILE)
    assert _is_in(stranger)
    kept = _cookie(stranger)
    assert stranger.submit(_PROFILE, "/admin/logout").location == "/admin/login"
    assert not _is_in(stranger)
    stranger.client.set_cookie(kept.key, kept.value, path="/admin")
    assert not _is_in(stranger), "it was ended in the database as well"


def test_after_log_in_one_goes_to_pages_of_the_panel_only(stranger) -> None:
    for wanted in (
        "https://evil.example.com/admin/",
        "//evil.example.com/admin/",
        "/admin/\\evil",
        "/api/v1/balance",
        "",
    ):
        answer = stranger.log_in(next=wanted)
        assert answer.location == "/admin/", wanted


def test_the_cookie_stays_in_the_panel_and_out_of_reach_of_scripts(stranger) -> None:
    header = next(each for each in stranger.log_in().headers.getlist("Set-Cookie") if each.startswith("exosend_admin="))
    assert "; HttpOnly; Path=/admin; SameSite=Lax" in header
    assert "Secure" not in header
    assert "Expires" not in header
    token = _cookie(stranger).value
    assert len(token) >= 43
    assert f"{stranger.user_id}" not in token


def test_a_log_in_is_a_new_session_and_ends_the_one_before(stranger) -> None:
    stranger.log_in()
    before = _cookie(stranger)
    stranger.log_in()
    assert _cookie(stranger).value != before.value
    stranger.client.set_cookie(before.key, before.value, path="/admin")
    assert not _is_in(stranger)


def test_a_session_ends_when_nobody_is_there_for_an_hour_and_after_twelve_anyway(stranger, engine) -> None:
    stranger.log_in()
    _sql(engine, "UPDATE admin_sessions SET last_seen_at = now() - :past", past=timedelta(minutes=59))
    assert _is_in(stranger)
    _sql(engine, "UPDATE admin_sessions SET last_seen_at = now() - :past", past=timedelta(minutes=61))
    assert not _is_in(stranger)
    stranger.log_in()
    _sql(engine, "UPDATE admin_sessions SET expires_at = now()")
    assert not _is_in(stranger)


@pytest.mark.parametrize("email", ["olga@example.com", "nobody@example.com", "", "no\x00address"])
def test_a_wrong_password_and_an_unknown_address_get_the_same_answer(stranger, email) -> None:
    answer = stranger.submit("/admin/login", "/admin/login", email=email, password="not the password")
    assert answer.status_code == 422
    assert _WRONG in answer.text
    assert _cookie(stranger) is None


def test_for_an_unknown_address_a_password_is_verified_as_well(stranger, monkeypatch) -> None:
    verified: list[str | None] = []

    def verify(stored: str | None, password: str) -> bool:
        verified.append(stored)
        return models.passwords.verify_password(stored, password)

    monkeypatch.setattr("api.admin.login.verify_password", verify)
    stranger.submit("/admin/login", "/admin/login", email="nobody@example.com", password="x")
    assert verified == [None]
    assert models.passwords.verify_password(None, "x") is False


def test_the_parameters_in_force_are_those_of_the_standard() -> None:
    hasher = PasswordHasher()
    assert (hasher.type.name, hasher.time_cost, hasher.memory_cost, hasher.parallelism) == ("ID", 3, 65536, 4)


def test_whoever_is_disabled_or_of_an_inactive_organization_is_out_at_once(stranger, engine, acme) -> None:
    stranger.log_in()
    with engine.transaction(None) as session:
        user = read_user(session, None, stranger.user_id)
        change_user(session, user, name=user.name, role=UserRole.OWNER, is_active=False, actor="tests")
    assert not _is_in(stranger)
    assert _WRONG in stranger.log_in().text
    _sql(engine, "UPDATE users SET disabled_at = NULL")
    assert stranger.log_in().status_code == 303
    with engine.transaction(None) as session:
        values = {"name": "Acme", "rate_limit": 60, "currency": "EUR", "is_active": False, "actor": "tests"}
        change_organization(session, acme.organization_id, **values)
    assert not _is_in(stranger)
    assert _WRONG in stranger.log_in().text


def _change(person: Person, current: str, new: str, again: str | None = None):
    values = {"current_password": current, "new_password": new, "repeated_password": again or new}
    return person.submit(_PROFILE, "/admin/profile/password", **values)


def test_a_change_of_password_ends_all_other_sessions(stranger, app, engine) -> None:
    stranger.log_in()
    elsewhere = Person(app, stranger.email, stranger.user_id, stranger.role, stranger.organization_id)
    elsewhere.log_in()
    before = _cookie(stranger).value
    answer = _change(stranger, PASSWORD, " another long password ")
    assert notice(stranger.page(answer.location)).startswith("Your password was changed.")
    assert _cookie(stranger).value != before
    assert not _is_in(elsewhere)
    assert _WRONG in elsewhere.log_in().text
    assert elsewhere.log_in(" another long password ").status_code == 303


@pytest.mark.parametrize(
    ("current", "new", "again", "problem"),
    [
        ("wrong", "another long password", None, "The current_password field is not your password."),
        (PASSWORD, "short", None, "The new_password field must have 12 to 200 characters."),
        (PASSWORD, "another long password", "another", "The repeated_password field must be the same as new_password."),
        (PASSWORD, PASSWORD, None, "The new_password field must not be the password that you have."),
        (PASSWORD, "olga@example.com", None, "The new_password field must not be the email address."),
    ],
)
def test_a_password_is_not_changed(stranger, current, new, again, problem) -> None:
    stranger.log_in()
    answer = _change(stranger, current, new, again)
    assert answer.status_code == 422
    assert problem in answer.text
    assert _is_in(stranger)
