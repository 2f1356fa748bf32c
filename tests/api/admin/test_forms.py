"""What holds for every form and page: CSRF, headers, cookies under https, errors as pages, no markup from names."""

from uuid import uuid4

import lxml.html
import pytest

from api.admin.section import RULES
from api.app import create_app
from models.rules.roles import UserRole
from tests.support.panel import make_person

_EVIL = '<script>alert("x")</script>'


def test_a_form_without_the_right_csrf_token_changes_nothing(olga, max_, app) -> None:
    form = olga.form("/admin/tokens", "/admin/tokens") | {"name": "Forged"}
    foreign = max_.form("/admin/tokens", "/admin/tokens")["csrf_token"]
    for token in (None, "", "nonsense", foreign):
        answer = olga.send("/admin/tokens", form | {"csrf_token": token})
        assert answer.status_code == 400
        assert "was not sent from this page" in answer.text
    assert "Forged" not in olga.get("/admin/tokens").text


def test_every_form_asks_for_it_the_log_in_too(app, olga) -> None:
    asked = 0
    for rule in app.url_map.iter_rules():
        if not rule.endpoint.startswith("admin.") or "POST" not in (rule.methods or set()):
            continue
        path = app.url_map.bind("localhost").build(rule.endpoint, {name: uuid4() for name in rule.arguments})
        assert olga.client.post(path, data={}).status_code == 400, rule
        asked += 1
    assert asked > 15


def test_a_form_without_its_key_is_refused(olga) -> None:
    form = olga.form("/admin/tokens", "/admin/tokens") | {"name": "x", "form_key": "none"}
    assert olga.send("/admin/tokens", form).status_code == 400


def test_the_api_asks_for_no_csrf_token_and_sets_no_cookie(acme, app) -> None:
    answer = acme.post("/contact-lists", {"name": "List"})
    assert answer.status_code == 201
    assert "Set-Cookie" not in answer.headers
    assert "Cookie" not in answer.headers.get("Vary", "")


def test_a_session_of_the_panel_is_nothing_to_the_api(olga) -> None:
    assert olga.client.get("/api/v1/balance").status_code == 401


@pytest.mark.parametrize("path", ["/admin/login", "/admin/profile", "/admin/organizations/none", "/admin/audit-log"])
def test_every_answer_has_the_headers_of_a_careful_page(olga, path) -> None:
    headers = olga.get(path).headers
    policy = headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert "script-src" not in policy
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "same-origin"
    assert headers["Cache-Control"] == "no-store"


def test_no_page_has_a_script_or_a_style_of_its_own(rita) -> None:
    for view in ("organizations", "sender-ids", "tokens", "users", "templates", "audit-log", "profile", "users/new"):
        page = rita.page(f"/admin/{view}")
        assert page.xpath("//script | //style | //*[@style] | //@*[starts-with(name(), 'on')]") == []


def test_names_are_text_and_never_markup(rita, new_client, app, engine) -> None:
    evil = new_client(_EVIL)
    owner = make_person(app, engine, UserRole.OWNER, evil.organization_id, "evil@example.com", _EVIL)
    owner.log_in()
    owner.done("/admin/tokens", "/admin/tokens", name=_EVIL)
    path = f"/admin/organizations/{evil.organization_id}"
    for person, pages in ((rita, ["/admin/organizations", path, "/admin/users", "/admin/tokens", "/admin/audit-log"]),
                          (owner, [path, "/admin/profile", "/admin/tokens"])):  # fmt: skip
        for page in pages:
            answer = person.get(page)
            assert "<script" not in answer.text, page
            assert "&lt;script&gt;alert(" in answer.text, page
    answer = owner.submit("/admin/tokens", "/admin/tokens", name='"><script>x' + "x" * 100)
    assert (answer.status_code, "<script" in answer.text) == (422, False)


def test_over_https_both_cookies_are_for_https_only(app, engine, api_settings) -> None:
    proxied = create_app(api_settings.with_values(trusted_proxies=1))
    public = create_app(api_settings.with_values(public_url="https://send.example.com"))
    try:
        for application, headers in ((proxied, {"X-Forwarded-Proto": "https"}), (public, {}), (proxied, {}), (app, {})):
            answer = application.test_client().get("/admin/login", headers=headers)
            is_secure = bool(headers) or application is public
            assert ("Secure" in answer.headers["Set-Cookie"]) is is_secure
        answer = app.test_client().get("/admin/login", headers={"X-Forwarded-Proto": "https"})
        assert "Secure" not in answer.headers["Set-Cookie"], "nobody is believed unless the setting says so"
    finally:
        for application in (proxied, public):
            application.extensions["exosend"].database.close()


def test_over_https_a_form_must_come_from_a_page_of_ours(app) -> None:
    client = app.test_client()
    base = "https://send.example.com"
    page = lxml.html.fromstring(client.get("/admin/login", base_url=base).text)
    form = dict(page.forms[0].form_values()) | {"email": "nobody@example.com", "password": "x"}
    for referrer, status in ((f"{base}/admin/login", 422), ("https://evil.example.com/", 400), (None, 400)):
        headers = {"Referer": referrer} if referrer else {}
        assert client.post("/admin/login", data=form, base_url=base, headers=headers).status_code == status


def test_without_a_slash_one_gets_there_too(app) -> None:
    answer = app.test_client().get("/admin", follow_redirects=True)
    assert (answer.status_code, answer.request.path) == (200, "/admin/login")


def test_a_path_that_is_not_there_needs_a_session_too(olga, app) -> None:
    assert app.test_client().get("/admin/nothing/here").status_code == 303
    answer = olga.get("/admin/nothing/here")
    assert answer.status_code == 404
    assert "There is no such page" in answer.text


def test_every_rule_is_that_of_a_view(app) -> None:
    assert set(RULES) <= set(app.view_functions.values())
