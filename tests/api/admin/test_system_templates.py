"""The system's templates: written by super admins, seen by all once they are published."""

import pytest

from tests.support.panel import notice, problems

_NEW = "/admin/templates/new"
_WELCOME = {
    "name": "Welcome",
    "slug": "welcome",
    "category": "onboarding",
    "subject_template": "Hello {{ first_name }}",
    "html_content": "<h1>Hello {{ first_name }}</h1><script>alert(1)</script>",
    "variables": '[{"key": "first_name", "default": "there"}]',
}


@pytest.fixture
def path(rita) -> str:
    answer = rita.submit(_NEW, _NEW, **_WELCOME)
    assert answer.status_code == 303, problems(answer)
    return answer.location.partition("?")[0]


def _publish(rita, path: str) -> str:
    return notice(rita.done(path, f"{path}/published"))


def test_organizations_see_a_template_when_it_is_published(rita, vera, acme, path) -> None:
    id_ = path.rpartition("/")[2]
    assert "Welcome" not in vera.get("/admin/templates").text
    assert vera.get(f"{path}/preview").status_code == 404
    assert acme.get("/email-templates").get_json()["data"] == []
    assert _publish(rita, path) == "Organizations see Welcome."
    assert "Welcome" in vera.get("/admin/templates").text
    assert [each["id"] for each in acme.get("/email-templates").get_json()["data"]] == [id_]
    assert acme.put(f"/email-templates/{id_}", {"name": "Mine"}).status_code == 403
    assert _publish(rita, path) == "Organizations no longer see Welcome."
    assert acme.get("/email-templates").get_json()["data"] == []


def test_another_content_is_another_version_and_nothing_else_is(rita, path, engine) -> None:
    assert notice(rita.done(path, path)) == "Welcome was saved as version 1."
    assert notice(rita.done(path, path, name="Hello")) == "Hello was saved as version 1."
    page = rita.done(path, path, html_content="<p>Hi {{ first_name }}</p>\r\n")
    assert notice(page) == "Hello was saved as version 2."
    text = next(form for form in page.forms if form.action == path).fields["text_content"]
    assert text.strip() == "Hi {{ first_name }}", "made anew from the html"
    assert notice(rita.done(path, path)) == "Hello was saved as version 2."
    log = rita.get("/admin/audit-log?action=template.changed").text
    assert "version: 2" in log


def test_mjml_is_compiled_anew_when_it_changes(rita) -> None:
    mjml = "<mjml><mj-body><mj-section><mj-column><mj-text>{}</mj-text></mj-column></mj-section></mj-body></mjml>"
    values = {
        "name": "M",
        "slug": "",
        "subject_template": "S",
        "category": "custom",
        "mjml_content": mjml.format("One"),
    }
    path = rita.submit(_NEW, _NEW, **values).location.partition("?")[0]
    assert notice(rita.done(path, path)) == "M was saved as version 1."
    page = rita.done(path, path, mjml_content=mjml.format("Two"))
    assert notice(page) == "M was saved as version 2."
    html = next(form for form in page.forms if form.action == path).fields["html_content"]
    assert "Two" in html
    assert "One" not in html


def test_the_preview_shows_everything_and_runs_nothing(rita, path) -> None:
    page = rita.page(f"{path}/preview")
    frame = page.xpath("//iframe")[0]
    assert frame.get("sandbox") == ""
    assert "Hello there" in page.text_content()
    answer = rita.get(frame.get("src"))
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert policy.split("; ")[-2:] == ["sandbox", "frame-ancestors 'self'"]
    assert "script-src" not in policy
    assert "Hello there" in answer.text


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ({"slug": "Not a slug"}, "The slug field must only contain lower-case letters"),
        ({"subject_template": ""}, "The subject_template field is required."),
        ({"variables": "first_name"}, "The variables field must be a JSON array."),
        ({"variables": '{"a": 1}'}, "The variables field must be an array."),
        ({"html_content": "{{ first_name"}, "html_content"),
        ({"html_content": ""}, "content"),
    ],
)
def test_what_is_wrong_in_a_template_is_said(rita, values, problem) -> None:
    answer = rita.submit(_NEW, _NEW, **(_WELCOME | values))
    assert answer.status_code == 422
    assert problem in " ".join(problems(answer))


def test_the_systems_slugs_are_unique(rita, path) -> None:
    answer = rita.submit(_NEW, _NEW, **_WELCOME)
    assert problems(answer) == ["The slug has already been taken."]


def test_an_organizations_template_is_none_of_the_systems(rita, acme) -> None:
    id_ = acme.created("/email-templates", {"name": "Own", "subject_template": "S", "text_content": "T"})["id"]
    assert rita.get(f"/admin/templates/{id_}").status_code == 404
    assert "Own" not in rita.get("/admin/templates").text
