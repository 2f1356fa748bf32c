"""Email templates."""

from uuid import uuid4

import pytest

from tests.support.contract import Caller, is_invalid, succeeds

FIELDS = {"id", "name", "slug", "category", "subject_template", "is_system", "is_active", "version", "times_used"}
FIELDS |= {"created_at", "updated_at", "description", "html_content", "text_content", "mjml_content", "variables"}
VARIABLE = {"key": "first_name", "label": "First name", "default": "friend", "required": False}
WELCOME = {
    "name": "Welcome",
    "subject_template": "Welcome, {{ first_name }}!",
    "html_content": "<h1>Hello {{ first_name }}</h1>",
    "variables": [VARIABLE],
}


def test_a_template_is_made_changed_copied_and_deleted(acme: Caller) -> None:
    slug = f"welcome-{uuid4().hex}"
    made = succeeds(acme.post("/email-templates", {**WELCOME, "slug": slug}), 201, "Template created.")
    path = f"/email-templates/{made['id']}"
    changed = succeeds(acme.put(path, {"html_content": "<p>Hi</p>"}), 200, "Template updated.")
    copy = succeeds(acme.post(f"{path}/duplicate"), 201, "Template duplicated.")
    shown = succeeds(acme.get(path), 200)
    listed = succeeds(acme.get("/email-templates"), 200)
    assert all(item.keys() == FIELDS for item in (made, changed, copy, shown, *listed))
    assert (made["version"], changed["version"], made["variables"]) == (1, 2, [VARIABLE])
    assert (copy["name"], copy["slug"].startswith(f"{slug}-copy-")) == ("Welcome (Copy)", True)
    assert succeeds(acme.delete(path), 200, "Template deleted.") is None
    assert acme.get(path).status_code == 404


def test_a_preview_takes_the_data_and_else_the_defaults(acme: Caller) -> None:
    path = f"/email-templates/{acme.made('/email-templates', WELCOME)['id']}/preview"
    shown = succeeds(acme.post(path, {"data": {"first_name": "<Ann>"}}), 200)
    assert shown.keys() == {"subject", "html_content", "text_content"}
    assert shown["subject"] == "Welcome, <Ann>!"
    assert "Hello &lt;Ann&gt;" in shown["html_content"]
    assert succeeds(acme.post(path, {}), 200)["subject"] == "Welcome, friend!"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"name": None}, "name"),
        ({"subject_template": None}, "subject_template"),
        ({"html_content": None}, "html_content"),
        ({"html_content": "{{ oops"}, "html_content"),
        ({"category": "other things"}, "category"),
        ({"mjml_content": "<mjml><mj-nothing></mjml>", "html_content": None}, "mjml_content"),
    ],
)
def test_each_rule_names_its_field(acme: Caller, change: dict[str, object], field: str) -> None:
    answer = acme.post("/email-templates", {**WELCOME, **change})
    assert answer.status_code == 422, answer.text
    assert list(answer.json()["errors"]) == [field]


def test_a_slug_is_a_templates_once(acme: Caller) -> None:
    slug = uuid4().hex
    acme.made("/email-templates", {**WELCOME, "slug": slug})
    again = acme.post("/email-templates", {**WELCOME, "slug": slug})
    is_invalid(again, {"slug": "The slug has already been taken."})
