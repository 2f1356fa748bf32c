"""The unsubscribe page in a real browser: read, clicked and taken back, on a phone in the dark as well."""

import pytest

from tests.api.conftest import Client
from tests.support.browser import Browser
from tests.support.links import Letter, accepted

pytestmark = pytest.mark.needs("chromium")

# The least contrast of a text with what is behind it, by the formula of WCAG 2.2.
_CONTRAST = """
(() => {
  const parts = color => color.match(/[0-9.]+/g).map(Number);
  const light = color => parts(color).slice(0, 3).map(part => part / 255)
    .map(part => part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4)
    .reduce((sum, part, place) => sum + part * [0.2126, 0.7152, 0.0722][place], 0);
  const behind = node => {
    const color = getComputedStyle(node).backgroundColor;
    if ((parts(color)[3] ?? 1) > 0) return color;
    return node.parentElement ? behind(node.parentElement) : "rgb(255, 255, 255)";
  };
  return Math.min(...[...document.querySelectorAll("h1, p, strong, button")].map(node => {
    const both = [light(getComputedStyle(node).color), light(behind(node))];
    return (Math.max(...both) + 0.05) / (Math.min(...both) + 0.05);
  }));
})()
"""


@pytest.fixture
def letter(funded: Client, app, engine, api_settings) -> Letter:
    funded.created("/contacts", {"email": "anna@example.org"})
    answer = funded.post("/emails/send", {"to_email": "anna@example.org", "subject": "Hi", "html_content": "<p>Hi</p>"})
    return accepted(app, engine, api_settings, answer.get_json()["data"]["id"])


def _status(client: Client) -> str:
    [contact] = client.get("/contacts").get_json()["data"]["data"]
    return str(contact["status"])


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_somebody_unsubscribes_and_comes_back(funded, letter, browser: Browser, address, scheme) -> None:
    browser.resize(390, 844, is_phone=True, scheme=scheme)
    browser.goto(address + letter.leave)
    assert "Stop getting emails from Acme?" in browser.text()
    assert _status(funded) == "active"
    width = browser.evaluate("document.documentElement.scrollWidth")
    assert width <= 390, "Nothing is to be moved aside on a phone."
    assert browser.evaluate("document.querySelector('button').getBoundingClientRect().height") >= 44, "A thumb's width."
    assert browser.evaluate(_CONTRAST) >= 4.5, "Text is to be read by everybody (WCAG 2.2, 1.4.3)."
    browser.click("form button")
    assert "You are unsubscribed" in browser.text()
    assert _status(funded) == "unsubscribed"
    assert browser.evaluate(_CONTRAST) >= 4.5
    browser.click("form button")
    assert "You are subscribed again" in browser.text()
    assert _status(funded) == "active"
    assert browser.evaluate("document.cookie") == ""
    assert browser.evaluate("performance.getEntriesByType('resource').length") == 0, "The page loads nothing."


def test_a_link_that_leads_nowhere_says_so(browser: Browser, address) -> None:
    browser.goto(f"{address}/u/nothing")
    assert "This link leads nowhere" in browser.text()
    browser.log.clear()  # of the 404
