"""Every route asks for a token or, in the panel, for a session, unless it is on the list of those that do not."""

from collections.abc import Iterator
from uuid import uuid4

import pytest
from flask import Flask
from werkzeug.routing import Rule

from api.admin import door
from api.admin.section import RULES
from api.app import PUBLIC, create_app
from models.settings import Settings


@pytest.fixture(scope="module")
def app() -> Iterator[Flask]:
    """An application whose database nobody can reach: a route that asks for no token would fail or answer."""
    settings = Settings(database_url="postgresql://nobody@127.0.0.1:9/none", secret_key="a-key-for-tests-only")  # type: ignore[arg-type]
    application = create_app(settings)
    yield application
    application.extensions["exosend"].database.close()


def _path(app: Flask, rule: Rule) -> str:
    values = {name: "a@example.com" if name == "email" else uuid4() for name in rule.arguments}
    return app.url_map.bind("localhost").build(rule.endpoint, values)


def test_every_route_that_is_not_public_asks_for_a_token(app) -> None:
    asked = 0
    for rule in app.url_map.iter_rules():
        if rule.endpoint in PUBLIC or rule.endpoint.startswith("admin."):
            continue
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}:
            answer = app.test_client().open(_path(app, rule), method=method)
            assert (answer.status_code, answer.get_json()) == (401, {"message": "Unauthenticated."}), rule
            asked += 1
    assert asked > 30


def test_every_page_and_form_of_the_panel_asks_for_a_session_and_names_its_right(app) -> None:
    asked = 0
    for rule in app.url_map.iter_rules():
        if not rule.endpoint.startswith("admin.") or rule.endpoint in door.OPEN:
            continue
        assert app.view_functions[rule.endpoint] in RULES, rule
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}:
            answer = app.test_client().open(_path(app, rule), method=method)
            assert answer.status_code == 303, rule
            assert answer.location.partition("?")[0] == "/admin/login", rule
            asked += 1
    assert asked > 30


def test_what_is_open_in_the_panel_is_the_log_in_and_the_style_sheet(app) -> None:
    opened = {rule.rule for rule in app.url_map.iter_rules() if rule.endpoint in door.OPEN}
    assert opened == {"/admin/login", "/admin/static/<path:filename>"}


def test_the_public_routes_are_there(app) -> None:
    assert {rule.endpoint for rule in app.url_map.iter_rules()} >= PUBLIC
    assert all(not rule.rule.startswith("/api/") for rule in app.url_map.iter_rules() if rule.endpoint in PUBLIC)
