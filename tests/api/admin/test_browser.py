"""The panel in a real browser: what somebody does in it, by keys and clicks, on a desktop and on a phone."""

import pytest

from models.rules.roles import UserRole
from tests.support.browser import Browser
from tests.support.panel import PASSWORD, make_person

pytestmark = [pytest.mark.needs("chromium")]

_PAGES = ["organizations", "sender-ids?status=all", "tokens", "users", "users/new", "templates", "audit-log", "profile"]


def _log_in(browser: Browser, address: str, email: str) -> None:
    browser.goto(f"{address}/admin/")
    assert browser.path() == "/admin/login"
    browser.fill("#email", email)
    browser.fill("#password", PASSWORD)
    browser.click("main button")


def test_a_token_is_made_used_and_revoked(app, engine, acme, browser, address) -> None:
    make_person(app, engine, UserRole.OWNER, acme.organization_id, "olga@example.com")
    _log_in(browser, address, "olga@example.com")
    assert browser.path() == f"/admin/organizations/{acme.organization_id}"
    assert browser.evaluate("document.cookie") == "", "scripts see none of the cookies"
    browser.click('nav a[href="/admin/profile"]')
    browser.fill("#token-name", "Shop <i>1</i>")
    browser.click("section form button")
    assert "The token “Shop <i>1</i>” was created." in browser.text()
    token = browser.evaluate("document.querySelector('.secret').innerText")

    def call() -> int:
        return app.test_client().get("/api/v1/balance", headers={"Authorization": f"Bearer {token}"}).status_code

    assert call() == 200
    browser.goto(f"{address}/admin/tokens")
    assert token not in browser.text()
    browser.click('button[aria-label="Revoke Shop <i>1</i>"]')
    assert "was revoked" in browser.text()
    assert call() == 401
    browser.click(".me button")
    assert browser.path() == "/admin/login"
    browser.goto(f"{address}/admin/tokens")
    assert browser.path() == "/admin/login"


def test_a_sender_id_is_approved_and_rejected_and_a_double_click_tops_up_once(
    app, engine, acme, browser, address
) -> None:
    make_person(app, engine, UserRole.SUPER_ADMIN, None, "rita@example.com")
    acme.created("/sender-ids", {"sender_id": "EXOCLASS"})
    _log_in(browser, address, "rita@example.com")
    browser.goto(f"{address}/admin/sender-ids")
    browser.click('button[aria-label="Approve EXOCLASS"]')
    assert "EXOCLASS was approved." in browser.text()
    browser.click("details summary", loads=False)
    browser.fill('input[name="reason"]', "Not yours")
    browser.click("details button")
    assert "EXOCLASS was rejected." in browser.text()
    assert acme.get("/sender-ids?status=all").get_json()["data"][0]["rejection_reason"] == "Not yours"

    browser.goto(f"{address}/admin/organizations/{acme.organization_id}")
    browser.fill("#top-up-amount", "12.5")
    browser.fill("#top-up-reference", "INV-1")
    browser.click("section form button", times=2)
    browser.goto(f"{address}/admin/organizations/{acme.organization_id}")
    assert browser.text().count("INV-1") == 1
    assert acme.get("/balance").get_json()["data"]["balance"] == 12.5


def test_a_preview_shows_markup_and_runs_no_script(app, engine, browser, address) -> None:
    make_person(app, engine, UserRole.SUPER_ADMIN, None, "rita@example.com")
    _log_in(browser, address, "rita@example.com")
    browser.goto(f"{address}/admin/templates/new")
    browser.fill("#template-name", "Welcome")
    browser.fill("#template-subject_template", "Hello")
    browser.fill("#template-html_content", "<h1>Hello</h1><script>top.document.title = 'taken'</script>")
    browser.click("section form button")
    assert "Welcome was created." in browser.text()
    browser.goto(f"{address}{browser.path()}/preview")
    assert browser.evaluate("document.title") == "Preview of Welcome · ExoSend"
    browser.goto(browser.evaluate("document.querySelector('iframe').src"))
    assert browser.evaluate("document.querySelector('h1').innerText") == "Hello"
    assert browser.evaluate("document.title") == ""
    assert any("Blocked script execution" in entry for entry in browser.log)
    browser.log.clear()


@pytest.mark.parametrize(
    ("width", "is_phone", "scheme"), [(1200, False, "light"), (390, True, "dark"), (320, True, "light")]
)
def test_no_page_is_wider_than_the_window(app, engine, acme, browser, address, width, is_phone, scheme) -> None:
    make_person(app, engine, UserRole.SUPER_ADMIN, None, "rita-with-a-rather-long-address@example.com")
    for name in ("EXOCLASS", "Acme News"):
        acme.created("/sender-ids", {"sender_id": name})
    _log_in(browser, address, "rita-with-a-rather-long-address@example.com")
    browser.resize(width, 800, is_phone=is_phone, scheme=scheme)
    for page in [*_PAGES, f"organizations/{acme.organization_id}"]:
        browser.goto(f"{address}/admin/{page}")
        assert browser.evaluate("document.documentElement.scrollWidth") <= width, page
