"""The pages in a real browser: trying the API out from /docs, and reading the reference on a phone."""

import json

import pytest

from tests.support.browser import Browser
from tests.support.stack import wait_for
from tests.support.world import World

pytestmark = pytest.mark.needs("chromium")


def _appears(browser: Browser, selector: str) -> None:
    wait_for(selector, lambda: browser.evaluate(f"document.querySelector({json.dumps(selector)}) !== null"))


def test_who_has_a_token_tries_a_request_out(world: World, browser: Browser) -> None:
    browser.goto(f"{world.url}/docs#/Account/getBalance")
    _appears(browser, "#operations-Account-getBalance.is-open")  # it scrolls there by itself
    browser.click(".btn.authorize", loads=False)
    _appears(browser, ".auth-container input")
    browser.fill(".auth-container input", world.token)
    browser.click(".auth-btn-wrapper .authorize", loads=False)
    _appears(browser, ".auth-btn-wrapper .btn-done")
    browser.click(".auth-btn-wrapper .btn-done", loads=False)
    _appears(browser, "#operations-Account-getBalance .execute")
    browser.click("#operations-Account-getBalance .execute", loads=False)
    _appears(browser, "#operations-Account-getBalance .live-responses-table")
    wait_for("the balance", lambda: '"balance": 1000000' in browser.text())
    assert "x-ratelimit-remaining" in browser.text()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_reference_fits_a_phone(world: World, browser: Browser, scheme: str) -> None:
    browser.resize(390, 844, is_phone=True, scheme=scheme)
    browser.goto(f"{world.url}/docs/reference#createContact")
    assert browser.evaluate("document.documentElement.scrollWidth") == 390
    dark = browser.evaluate("getComputedStyle(document.body).backgroundColor") != "rgb(255, 255, 255)"
    assert dark == (scheme == "dark")
