"""Email templates over HTTP."""

import re
from uuid import uuid4

import pytest
from sqlalchemy import text

from models.store.templates import create_template

FIELDS = {
    *("id", "name", "slug", "category", "subject_template", "is_system", "is_active", "version", "times_used"),
    *("created_at", "updated_at", "description", "html_content", "text_content", "mjml_content", "variables"),
}
WELCOME = {
    "name": "Welcome",
    "slug": "welcome",
    "subject_template": "Hi {{ first_name }}",
    "html_content": "<p>Hello {{ first_name }}</p>",
    "variables": [{"key": "first_name", "label": "First name", "default": "there", "required": True}, "month"],
}


@pytest.fixture
def system_template(engine) -> str:
    """A template that belongs to nobody."""
    with engine.transaction(None) as session:
        values = {"name": "System", "slug": "system", "subject_template": "S", "html_content": "<p>s</p>"}
        return str(create_template(session, None, values).id)  # type: ignore[arg-type]


def test_a_template_has_the_same_fields_everywhere(acme) -> None:
    created = acme.created("/email-templates", WELCOME)
    path = f"/email-templates/{created['id']}"
    answers = [created, acme.get(path).get_json()["data"], acme.put(path, {"name": "W"}).get_json()["data"]]
    answers += acme.get("/email-templates").get_json()["data"]
    answers.append(acme.created(f"{path}/duplicate", None))
    assert all(set(answer) == FIELDS for answer in answers)


def test_a_template_is_completed_when_it_is_saved(acme) -> None:
    template = acme.created("/email-templates", WELCOME)
    assert (template["category"], template["version"], template["is_system"]) == ("custom", 1, False)
    assert template["text_content"].strip() == "Hello {{ first_name }}"
    assert template["variables"][1] == {"key": "month", "label": None, "default": None, "required": False}


def test_mjml_becomes_html(acme) -> None:
    mjml = (
        "<mjml><mj-body><mj-section><mj-column><mj-text>Hi {{ x }}</mj-text></mj-column></mj-section></mj-body></mjml>"
    )
    template = acme.created("/email-templates", {"name": "M", "subject_template": "S", "mjml_content": mjml})
    assert template["mjml_content"] == mjml
    assert "Hi {{ x }}" in template["html_content"]
    changed = acme.put(f"/email-templates/{template['id']}", {"mjml_content": mjml.replace("Hi", "Bye")}).get_json()
    assert "Bye {{ x }}" in changed["data"]["html_content"]
    assert "Bye {{ x }}" in changed["data"]["text_content"]


@pytest.mark.parametrize(
    ("change", "field", "message"),
    [
        ({"name": ""}, "name", "The name field is required."),
        ({"subject_template": None}, "subject_template", "The subject_template field is required."),
        ({"category": "spam"}, "category", "The selected category is invalid."),
        ({"slug": "Not A Slug"}, "slug", "The slug field must only contain lower-case letters"),
        ({"html_content": None}, "html_content", "The html_content field is required"),
        ({"html_content": "{{ open"}, "html_content", "Line 1"),
        ({"html_content": None, "mjml_content": "<mjml>\n<mj-nothing/></mjml>"}, "mjml_content", "Line 2"),
        ({"variables": "x"}, "variables", "The variables field must be an array."),
        ({"variables": [{"label": "x"}]}, "variables.0.key", "The variables.0.key field is required."),
        (
            {"variables": [{"key": "x", "required": 2}]},
            "variables.0.required",
            "The variables.0.required field must be true or false.",
        ),
    ],
)
def test_what_is_wrong_with_a_template_is_named(acme, change, field, message) -> None:
    answer = acme.post("/email-templates", {**WELCOME, **change})
    assert answer.status_code == 422
    assert list(answer.get_json()["errors"]) == [field]
    assert message in answer.get_json()["message"]


def test_a_slug_is_unique_among_live_templates_and_may_be_left_out(acme, globex) -> None:
    first = acme.created("/email-templates", WELCOME)
    answer = acme.post("/email-templates", WELCOME)
    assert (answer.status_code, answer.get_json()["errors"]) == (422, {"slug": ["The slug has already been taken."]})
    globex.created("/email-templates", WELCOME)
    for _ in range(2):
        other = acme.created("/email-templates", {**WELCOME, "slug": ""})
    assert acme.put(f"/email-templates/{other['id']}", {"slug": "welcome"}).status_code == 422
    acme.delete(f"/email-templates/{first['id']}")
    acme.created("/email-templates", WELCOME)


def test_every_version_of_the_content_is_kept(acme, engine) -> None:
    template = acme.created("/email-templates", WELCOME)
    path = f"/email-templates/{template['id']}"
    assert acme.put(path, {"name": "Other name"}).get_json()["data"]["version"] == 1
    assert acme.put(path, {"subject_template": WELCOME["subject_template"]}).get_json()["data"]["version"] == 1
    changed = acme.put(path, {"html_content": "<p>Bye {{ first_name }}</p>"}).get_json()
    assert (changed["message"], changed["data"]["version"]) == ("Template updated.", 2)
    assert changed["data"]["text_content"].strip() == "Bye {{ first_name }}"
    with engine.transaction(None) as session:
        kept = session.execute(text("SELECT version, html_content FROM email_template_versions ORDER BY version")).all()
    assert [tuple(each) for each in kept] == [(1, WELCOME["html_content"]), (2, "<p>Bye {{ first_name }}</p>")]


def test_a_text_that_somebody_wrote_is_not_made_anew(acme) -> None:
    template = acme.created("/email-templates", {**WELCOME, "text_content": "By hand"})
    changed = acme.put(f"/email-templates/{template['id']}", {"html_content": "<p>New</p>"}).get_json()["data"]
    assert changed["text_content"] == "By hand"


def test_a_preview_escapes_in_html_and_falls_back_to_defaults(acme) -> None:
    path = f"/email-templates/{acme.created('/email-templates', WELCOME)['id']}/preview"
    shown = acme.post(path, {"data": {"first_name": "<Ann>"}}).get_json()["data"]
    assert shown["subject"] == "Hi <Ann>"
    assert "Hello &lt;Ann&gt;" in shown["html_content"]
    assert shown["text_content"].strip() == "Hello <Ann>"
    assert acme.post(path).get_json()["data"]["subject"] == "Hi there"
    assert acme.post(path, {"data": "x"}).get_json()["errors"] == {"data": ["The data field must be an object."]}


def test_a_copy_has_a_name_and_a_slug_of_its_own(acme) -> None:
    template = acme.created("/email-templates", WELCOME)
    copies = [acme.created(f"/email-templates/{template['id']}/duplicate", None) for _ in range(2)]
    assert {copy["name"] for copy in copies} == {"Welcome (Copy)"}
    assert all(re.fullmatch(r"welcome-copy-\d{10}", copy["slug"]) for copy in copies)
    assert len({copy["slug"] for copy in copies}) == 2
    assert copies[0]["html_content"] == template["html_content"]


def test_inactive_and_deleted_templates_are_not_listed(acme) -> None:
    template = acme.created("/email-templates", WELCOME)
    path = f"/email-templates/{template['id']}"
    acme.put(path, {"is_active": False})
    assert acme.get("/email-templates").get_json()["data"] == []
    assert acme.get(path).get_json()["data"]["is_active"] is False
    assert acme.delete(path).get_json() == {"success": True, "data": None, "message": "Template deleted."}
    assert acme.get(path).status_code == 404


def test_a_template_of_the_system_can_be_used_and_not_changed(acme, system_template) -> None:
    path = f"/email-templates/{system_template}"
    assert acme.get(path).get_json()["data"]["is_system"] is True
    assert [each["name"] for each in acme.get("/email-templates").get_json()["data"]] == ["System"]
    unauthorized = {"message": "This action is unauthorized."}
    assert (acme.put(path, {"name": ""}).status_code, acme.put(path, {}).get_json()) == (403, unauthorized)
    assert acme.delete(path).status_code == 403
    assert acme.post(f"{path}/preview").status_code == 200
    assert acme.created(f"{path}/duplicate", None)["is_system"] is False


def test_another_organizations_template_is_not_found(acme, globex) -> None:
    template = acme.created("/email-templates", WELCOME)
    for template_id in (template["id"], str(uuid4()), "not-a-uuid"):
        path = f"/email-templates/{template_id}"
        assert globex.get(path).status_code == 404
        assert globex.put(path, {"name": "Stolen"}).status_code == 404
        assert globex.delete(path).status_code == 404
        assert globex.post(f"{path}/preview").status_code == 404
        assert globex.post(f"{path}/duplicate").status_code == 404
    assert globex.get("/email-templates").get_json()["data"] == []
