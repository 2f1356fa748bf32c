"""Somebody at the admin panel, without a browser: pages are read, and their forms filled in and sent as they are."""

from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import lxml.html
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from models.rules.roles import UserRole
from models.session import Database
from models.store.users import create_user

PASSWORD = "a good long password"  # of everybody in the tests


@dataclass
class Person:
    """A user and their browser."""

    app: Flask
    email: str
    user_id: UUID
    role: UserRole
    organization_id: UUID | None
    client: FlaskClient = field(init=False)

    def __post_init__(self) -> None:
        self.client = self.app.test_client()

    def log_in(self, password: str = PASSWORD, **options: Any) -> TestResponse:
        return self.submit("/admin/login", "/admin/login", email=self.email, password=password, **options)

    def get(self, path: str) -> TestResponse:
        return self.client.get(path)

    def page(self, path: str) -> lxml.html.HtmlElement:
        answer = self.get(path)
        assert answer.status_code == 200, (path, answer.status_code, answer.text)
        return lxml.html.fromstring(answer.text)

    def form(self, path: str, action: str) -> dict[str, str]:
        """The values of the form on the page that is sent to `action`, as they stand there."""
        for form in self.page(path).forms:
            if (form.action or path) == action:
                return dict(form.form_values())
        raise AssertionError(f"no form to {action} on {path}")

    def submit(self, path: str, action: str, *, headers: dict[str, str] | None = None, **values: Any) -> TestResponse:
        return self.send(action, self.form(path, action) | values, headers=headers)

    def send(self, action: str, values: dict[str, Any], *, headers: dict[str, str] | None = None) -> TestResponse:
        given = {name: value for name, value in values.items() if value is not None}
        return self.client.post(action, data=given, headers=headers)

    def done(self, path: str, action: str, **values: Any) -> lxml.html.HtmlElement:
        """The page that a form led to."""
        answer = self.submit(path, action, **values)
        assert answer.status_code == 303, answer.text
        return self.page(answer.location)


def make_person(
    app: Flask, engine: Database, role: UserRole, organization_id: UUID | None, email: str, name: str | None = None
) -> Person:
    """A user with the password of the tests, who is not logged in."""
    with engine.transaction(None) as session:
        user, _ = create_user(
            session,
            organization_id,
            name=name or email.partition("@")[0].title(),
            email=email,
            role=role,
            actor="tests",
            password=PASSWORD,
        )
    return Person(app, email, user.id, role, organization_id)


def notice(page: lxml.html.HtmlElement) -> str:
    """What the page says came of a form."""
    return " ".join(" ".join(each.text_content().split()) for each in page.find_class("notice"))


def secret(page: lxml.html.HtmlElement) -> str | None:
    """The token or password that the page shows once."""
    found = page.find_class("secret")
    return str(found[0].text_content()).strip() if found else None


def problems(answer: TestResponse) -> list[str]:
    """What the page says is wrong in the form."""
    return [each.text_content().strip() for each in lxml.html.fromstring(answer.text).find_class("problem")]
