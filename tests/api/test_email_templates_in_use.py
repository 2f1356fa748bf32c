"""Emails made from templates."""

from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select

from api.schemas.fields import VARIABLES_MAX
from models.tables import Content, Message

SOURCE = {
    "name": "Welcome",
    "subject_template": "Welcome to {{ company }}, {{ first_name }}!",
    "html_content": "<style>p{color:red}</style><p>Hi {{ first_name }}</p>",
    "text_content": "Hi {{ first_name }}",
    "variables": [
        {"key": "first_name", "required": True},
        {"key": "company", "default": "Acme", "required": True},
        {"key": "plan"},
    ],
}
JOHN = {"to_email": "john@example.org", "variables": {"first_name": "John", "unused": "x"}}


@pytest.fixture
def template(funded) -> str:
    return funded.created("/email-templates", SOURCE)["id"]


def _contents(engine) -> list[Any]:
    with engine.transaction(None) as session:
        return list(session.execute(select(Content)).scalars())


def _times_used(client, template: str) -> int:
    return client.get(f"/email-templates/{template}").get_json()["data"]["times_used"]


def test_a_template_gives_the_content_its_defaults_and_its_version(funded, engine, template) -> None:
    answer = funded.post("/emails/send", {**JOHN, "template_id": template})
    assert answer.status_code == 202, answer.text
    assert answer.get_json()["data"]["subject"] == "Welcome to Acme, John!"
    [content] = _contents(engine)
    assert (content.template_id, content.template_version) == (UUID(template), 1)
    assert content.variables == {"company": "Acme"}
    assert content.text == "Hi {{ first_name }}"
    assert 'style="color:red"' in content.html
    with engine.transaction(None) as session:
        assert session.execute(select(Message.variables)).scalar_one() == {"first_name": "John"}
    assert _times_used(funded, template) == 1


def test_what_is_given_overrides_the_template(funded, engine, template) -> None:
    body = {**JOHN, "template_id": template, "subject": "Own", "html_content": "<p>Own {{ plan }}</p>"}
    assert funded.post("/emails/send", body).status_code == 202
    [content] = _contents(engine)
    assert (content.subject, content.html) == ("Own", "<p>Own {{ plan }}</p>")
    assert content.text is None  # made of the html when it goes out, not the template's


@pytest.mark.parametrize("variables", [None, {}, {"first_name": ""}, {"first_name": None}])
def test_a_missing_required_variable_is_named(funded, template, variables) -> None:
    body = {**JOHN, "template_id": template, "variables": variables}
    message = "The {} field is required."
    answer = funded.post("/emails/send", body)
    assert (answer.status_code, answer.get_json()["errors"]) == (
        422,
        {"variables.first_name": [message.format("variables.first_name")]},
    )
    answer = funded.post("/emails/send-batch", {"emails": [{**JOHN, "template_id": template}, body]})
    field = "emails.1.variables.first_name"
    assert (answer.status_code, answer.get_json()["errors"]) == (422, {field: [message.format(field)]})
    assert _times_used(funded, template) == 0


def test_a_batch_from_one_template_has_one_content_and_counts_each_email(funded, engine, template) -> None:
    emails = [
        {"to_email": f"p{n}@example.org", "template_id": template, "variables": {"first_name": f"P{n}"}}
        for n in range(5)
    ]
    answer = funded.post("/emails/send-batch", {"emails": emails})
    assert answer.status_code == 202
    assert len(_contents(engine)) == 1
    assert _times_used(funded, template) == 5
    batch = funded.get(f"/emails/batch/{answer.get_json()['data']['batch_id']}").get_json()["data"]
    assert batch["batch"]["subject"] == "Welcome to Acme, P0!"
    assert [email["subject"] for email in batch["emails"]["data"]] == [f"Welcome to Acme, P{n}!" for n in range(5)]


@pytest.mark.parametrize(("keys", "status"), [(VARIABLES_MAX, 202), (VARIABLES_MAX + 1, 422)])
def test_as_many_values_may_be_given_as_a_template_defines(funded, keys, status) -> None:
    names = [f"v{number}" for number in range(VARIABLES_MAX)]
    body = {"name": "T", "subject_template": "S", "html_content": "<p>{{ v199 }}</p>", "variables": names}
    template = funded.created("/email-templates", body)["id"]
    values = {f"v{number}": "x" for number in range(keys)}
    email = {"to_email": "john@example.org", "template_id": template, "variables": values}
    assert funded.post("/emails/send", email).status_code == status
    assert funded.post("/emails/send-batch", {"emails": [email]}).status_code == status
    campaign = funded.post("/campaigns", {"name": "C", "template_variables": values})
    assert campaign.status_code == (201 if status == 202 else 422)


def test_an_entry_that_is_suppressed_does_not_count(funded, template) -> None:
    funded.created("/suppressions", {"email": "p0@example.org"})
    emails = [{**JOHN, "to_email": f"p{n}@example.org", "template_id": template} for n in range(3)]
    assert funded.post("/emails/send-batch", {"emails": emails}).status_code == 202
    assert _times_used(funded, template) == 2


def test_a_new_version_of_a_template_is_a_new_content(funded, engine, template) -> None:
    for subject in ("One {{ first_name }}", "Two {{ first_name }}"):
        assert funded.put(f"/email-templates/{template}", {"subject_template": subject}).status_code == 200
        assert funded.post("/emails/send", {**JOHN, "template_id": template}).status_code == 202
    assert {(content.subject[:3], content.template_version) for content in _contents(engine)} == {
        ("One", 2),
        ("Two", 3),
    }


def test_only_usable_templates_of_ones_own_can_be_named(funded, globex, template) -> None:
    theirs = globex.created("/email-templates", SOURCE)["id"]
    for change in ({"is_active": False}, None):
        if change:
            assert funded.put(f"/email-templates/{template}", change).status_code == 200
        answer = funded.post("/emails/send", {**JOHN, "template_id": template if change else theirs})
        assert answer.status_code == 422
        assert answer.get_json()["errors"] == {"template_id": ["The selected template_id is invalid."]}
