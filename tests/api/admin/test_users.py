"""Users in the panel: an owner's own, a super admin's all."""

import pytest

from models.rules.roles import UserRole
from tests.support.panel import Person, notice, problems, secret

_NEW = "/admin/users/new"
_MAX = {"name": "Max", "email": "max@example.com", "role": "member"}


def _create(person, **values: str):
    return person.submit(_NEW, _NEW, **(_MAX | values))


def _path(person, email: str) -> str:
    row = next(row for row in person.page("/admin/users").xpath("//tbody/tr") if email in row.text_content())
    return str(row.xpath(".//a/@href")[0])


def _as(app, email: str) -> Person:
    return Person(app, email, None, UserRole.MEMBER, None)


def test_an_owner_creates_a_user_of_the_organization(olga, gus, app, globex) -> None:
    answer = _create(olga, organization_id=str(globex.organization_id))
    page = olga.page(answer.location)
    made = secret(page)
    assert made is not None
    assert "it is not shown again" in notice(page)
    assert secret(olga.page(answer.location)) is None
    assert _as(app, "MAX@example.com").log_in(made).location == "/admin/"
    assert "max@example.com" in olga.get("/admin/users").text
    assert "max@example.com" not in gus.get("/admin/users").text
    log = olga.get("/admin/audit-log").text
    assert "user.created" in log
    assert made not in log


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ({"email": "max"}, "The email field must be a valid email address."),
        ({"email": "OLGA@example.com"}, "The email has already been taken."),
        ({"role": "super_admin"}, "The role field must be owner, member or viewer here."),
        ({"role": "king"}, "The selected role is invalid."),
        ({"name": ""}, "The name field is required."),
    ],
)
def test_a_user_that_cannot_be_is_not_made(olga, values, problem) -> None:
    answer = _create(olga, **values)
    assert (answer.status_code, problems(answer)) == (422, [problem])


def test_an_address_of_another_organization_is_taken_too(olga, gus) -> None:
    assert problems(_create(olga, email=gus.email)) == ["The email has already been taken."]


def test_a_super_admin_belongs_to_the_platform_and_others_to_an_organization(rita, globex, app) -> None:
    organization = str(globex.organization_id)
    wrong = [{"role": "super_admin", "organization_id": organization}, {"role": "owner", "organization_id": ""}]
    for values in wrong:
        assert _create(rita, **values).status_code == 422
    assert _create(rita, role="owner", organization_id=organization).status_code == 303
    second = rita.done(_NEW, _NEW, name="Sam", email="sam@example.com", role="super_admin", organization_id="")
    assert _as(app, "sam@example.com").log_in(secret(second)).status_code == 303


def test_less_rights_count_at_once(olga, max_) -> None:
    path = _path(olga, max_.email)
    olga.done(path, path, role="viewer")
    assert max_.get("/admin/tokens").status_code == 303, "logged out"
    max_.log_in()
    assert "Create New Token" not in max_.get("/admin/tokens").text
    olga.done(path, path, is_active=None)
    assert max_.log_in().status_code == 422
    assert "role: viewer" in olga.get("/admin/audit-log?action=user.changed").text


def test_a_new_name_logs_nobody_out(olga, max_) -> None:
    path = _path(olga, max_.email)
    olga.done(path, path, name="Maximilian")
    assert "Maximilian" in max_.get("/admin/profile").text


def test_nobody_takes_away_their_own_rights(olga, rita) -> None:
    for person, values in ((olga, {"role": "viewer"}), (olga, {"is_active": None}), (rita, {"is_active": None})):
        path = _path(person, person.email)
        answer = person.submit(path, path, **values)
        assert problems(answer) == ["Nobody takes away their own role or access: ask another administrator."]


def test_a_made_password_takes_the_place_of_the_old_one(olga, max_, app) -> None:
    path = _path(olga, max_.email)
    made = secret(olga.done(path, f"{path}/password"))
    assert max_.get("/admin/tokens").status_code == 303
    assert max_.log_in().status_code == 422
    assert max_.log_in(made).status_code == 303
    assert max_.get("/admin/tokens").location == "/admin/profile"


def test_another_organizations_user_is_not_found(olga, gus, max_, rita) -> None:
    path = _path(rita, max_.email)
    form = gus.form(_NEW, _NEW)
    assert gus.get(path).status_code == 404
    assert gus.send(path, form | {"role": "viewer", "is_active": "1"}).status_code == 404
    assert gus.send(f"{path}/password", form).status_code == 404
    assert olga.get(_path(rita, rita.email)).status_code == 404
    assert max_.get("/admin/profile").status_code == 200
