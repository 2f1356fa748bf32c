"""API tokens from the panel: shown once, good for the API, revoked at once."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from tests.support.panel import notice, problems, secret

_TOKENS = "/admin/tokens"


def _call(app, token: str) -> int:
    return app.test_client().get("/api/v1/balance", headers={"Authorization": f"Bearer {token}"}).status_code


def _made(person, **values: str) -> str:
    token = secret(person.done(_TOKENS, _TOKENS, name="CI", **values))
    assert token is not None
    return token


def _revoke_path(person) -> str:
    return next(form.action for form in person.page(_TOKENS).forms if form.action.endswith("/revoke"))


def test_a_new_token_is_shown_once_and_works(app, olga) -> None:
    answer = olga.submit(_TOKENS, _TOKENS, name="CI")
    page = olga.page(answer.location)
    assert notice(page).startswith("The token “CI” was created.")
    token = secret(page)
    assert token is not None
    assert _call(app, token) == 200
    assert secret(olga.page(answer.location)) is None
    assert token.partition("|")[2] not in olga.get(_TOKENS).text


def test_a_revoked_token_is_refused_at_once(app, olga) -> None:
    token = _made(olga)
    assert _call(app, token) == 200
    path = _revoke_path(olga)
    assert notice(olga.done(_TOKENS, path)) == "The token “CI” was revoked."
    assert _call(app, token) == 401
    assert not [form for form in olga.page(_TOKENS).forms if form.action == path]


def test_a_token_is_good_until_the_end_of_its_day(app, olga, engine) -> None:
    today = datetime.now(UTC).date()
    assert _call(app, _made(olga, expires_on=str(today + timedelta(days=1)))) == 200
    answer = olga.submit(_TOKENS, _TOKENS, name="Late", expires_on=str(today - timedelta(days=1)))
    assert answer.status_code == 422
    assert problems(answer) == ["The expires_on field must not be a day that has passed."]


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ({"name": "  "}, "The name field is required."),
        ({"name": "x" * 101}, "The name field must not be greater than 100 characters."),
        ({"name": "x", "expires_on": "soon"}, "The expires_on field must be a day such as 2026-01-31."),
    ],
)
def test_a_form_with_a_mistake_comes_back_with_what_was_typed(olga, values, problem) -> None:
    answer = olga.submit(_TOKENS, _TOKENS, **values)
    assert (answer.status_code, problems(answer)) == (422, [problem])
    assert values["name"] in answer.text


def test_a_double_click_makes_one_token_and_shows_it(app, olga) -> None:
    form = olga.form(_TOKENS, _TOKENS) | {"name": "Twice"}
    first, second = olga.send(_TOKENS, form), olga.send(_TOKENS, form)
    assert first.location == second.location
    token = secret(olga.page(second.location))
    assert token is not None
    assert _call(app, token) == 200
    assert olga.get(_TOKENS).text.count(">Twice<") == 1


def test_a_member_revokes_what_is_his_and_an_owner_everything(olga, max_, app) -> None:
    token = _made(olga)
    path = _revoke_path(olga)
    form = max_.form(_TOKENS, _TOKENS)
    assert max_.send(path, form).status_code == 403
    assert _call(app, token) == 200
    theirs = _made(max_)
    assert olga.send(_revoke_path(max_), olga.form(_TOKENS, _TOKENS)).status_code == 303
    assert _call(app, theirs) == 401


def test_another_organizations_token_is_not_found(olga, gus, app) -> None:
    token = _made(olga)
    path = _revoke_path(olga)
    for wanted in (path, f"/admin/tokens/{uuid4()}/revoke", "/admin/tokens/none/revoke"):
        assert gus.send(wanted, gus.form(_TOKENS, _TOKENS)).status_code == 404
    assert _call(app, token) == 200
    assert len(gus.page(_TOKENS).xpath("//tbody/tr")) == 1  # the one that the tests call the API with


def test_a_super_admin_says_for_whom(rita, acme, globex, app) -> None:
    answer = rita.submit(_TOKENS, _TOKENS, name="Given", organization_id="")
    assert problems(answer) == ["The organization_id field is required."]
    token = _made(rita, organization_id=str(globex.organization_id))
    headers = {"Authorization": f"Bearer {token}"}
    assert app.test_client().get("/api/v1/balance", headers=headers).get_json()["data"]["organization"] == "Globex"


def test_an_owner_cannot_make_one_for_another_organization(olga, globex, app) -> None:
    token = _made(olga, organization_id=str(globex.organization_id))
    headers = {"Authorization": f"Bearer {token}"}
    assert app.test_client().get("/api/v1/balance", headers=headers).get_json()["data"]["organization"] == "Acme"
