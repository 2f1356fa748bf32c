"""Every route of the panel, as every role: who gets in is written down here a second time, route by route."""

from uuid import UUID, uuid4

import pytest

from models.rules.roles import UserRole
from tests.support.panel import Person, secret

_ALL = set(UserRole)
_MEMBERS = _ALL - {UserRole.VIEWER}
_OWNERS = {UserRole.SUPER_ADMIN, UserRole.OWNER}
_PLATFORM = {UserRole.SUPER_ADMIN}

_WHO = {
    "home.show_home": _ALL,
    "home.show_nothing": _ALL,
    "profile.show_profile": _ALL,
    "profile.change_password": _ALL,
    "organizations.show_organizations": _PLATFORM,
    "organizations.show_new_organization": _PLATFORM,
    "organizations.create": _PLATFORM,
    "organizations.show_organization": _ALL,
    "organizations.change": _PLATFORM,
    "organizations.add_credits": _PLATFORM,
    "sender_ids.show_sender_ids": _ALL,
    "sender_ids.approve": _PLATFORM,
    "sender_ids.verify": _PLATFORM,
    "sender_ids.reject": _PLATFORM,
    "tokens.show_tokens": _ALL,
    "tokens.create": _MEMBERS,
    "tokens.revoke": _MEMBERS,
    "users.show_users": _OWNERS,
    "users.show_new_user": _OWNERS,
    "users.create": _OWNERS,
    "users.show_user": _OWNERS,
    "users.change": _OWNERS,
    "users.make_new_password": _OWNERS,
    "templates.show_templates": _ALL,
    "templates.show_preview": _ALL,
    "templates.show_preview_content": _ALL,
    "templates.show_new_template": _PLATFORM,
    "templates.create": _PLATFORM,
    "templates.show_template": _PLATFORM,
    "templates.change": _PLATFORM,
    "templates.publish": _PLATFORM,
    "audit_log.show_audit_log": _OWNERS,
    "login.log_out": _ALL,  # last: it ends the session
}


def _panel_rules(app) -> dict[str, object]:
    opened = {"admin.static", "admin.login.show_login", "admin.login.log_in"}
    found = {rule.endpoint: rule for rule in app.url_map.iter_rules() if rule.endpoint.startswith("admin.")}
    return {name.removeprefix("admin."): rule for name, rule in found.items() if name not in opened}


def _path(app, endpoint: str, rule, organization_id: UUID) -> str:
    values = {name: uuid4() for name in rule.arguments} | {"_rest": "x"}
    values = {name: values[name] for name in rule.arguments}
    if "organization_id" in values:
        values["organization_id"] = organization_id
    return app.url_map.bind("localhost").build(f"admin.{endpoint}", values)


def test_the_table_has_every_route(app) -> None:
    assert set(_panel_rules(app)) == set(_WHO)


@pytest.mark.parametrize("role", list(UserRole))
def test_a_role_gets_in_where_it_may_and_nowhere_else(app, acme, someone, role) -> None:
    person = someone(role)
    csrf_token = person.form("/admin/profile", "/admin/profile/password")["csrf_token"]
    rules = _panel_rules(app)
    got_in = set()
    for endpoint in _WHO:
        path = _path(app, endpoint, rules[endpoint], acme.organization_id)
        if "POST" in rules[endpoint].methods:
            answer = person.send(path, {"csrf_token": csrf_token, "form_key": str(uuid4())})
        else:
            answer = person.get(path)
        assert answer.status_code in (200, 303, 403, 404, 409, 422), (endpoint, answer.status_code)
        if answer.status_code == 403:
            assert "Your role does not allow this." in answer.text
        else:
            assert answer.location is None or "/login" not in answer.location or endpoint == "login.log_out", endpoint
            got_in.add(endpoint)
    assert got_in == {endpoint for endpoint, roles in _WHO.items() if role in roles}


@pytest.mark.parametrize("role", list(UserRole))
def test_nobody_is_led_to_what_they_may_not(someone, role) -> None:
    person = someone(role)
    for link in person.page("/admin/profile").xpath("//header//nav/a/@href"):
        assert person.get(link).status_code == 200, link
    for path in ("/admin/tokens", "/admin/sender-ids", "/admin/templates"):
        for form in person.page(path).forms:
            if form.action != "/admin/logout":
                answer = person.send(form.action, dict(form.form_values()))
                assert answer.status_code in (303, 422), (path, form.action)


def test_a_password_that_was_made_is_changed_before_anything_else(rita, app, acme) -> None:
    page = rita.done(
        "/admin/users/new", "/admin/users/new", name="New", email="new@example.com", role="viewer",
        organization_id=str(acme.organization_id),
    )  # fmt: skip
    made = secret(page)
    new = Person(app, "new@example.com", uuid4(), UserRole.VIEWER, acme.organization_id)
    assert new.log_in(made).status_code == 303
    for path in ("/admin/tokens", "/admin/sender-ids", "/admin/"):
        assert new.get(path).location == "/admin/profile"
    values = {"current_password": made, "new_password": "my own long one", "repeated_password": "my own long one"}
    new.done("/admin/profile", "/admin/profile/password", **values)
    assert new.get("/admin/tokens").status_code == 200
