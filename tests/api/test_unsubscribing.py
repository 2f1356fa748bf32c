"""The unsubscribe link: a page for people, one POST for mail programs, and nothing on GET."""

from collections.abc import Callable

import pytest
from flask import Flask
from sqlalchemy import text

from api.tracking.unsubscribing import POSTS_A_MINUTE, shown_address
from models.rules import link_tokens
from models.session import Database
from models.settings import Settings
from tests.api.conftest import Client
from tests.support.links import Letter, accepted

ONE_CLICK = {"List-Unsubscribe": "One-Click"}
ANNA = "anna@example.org"


@pytest.fixture
def letter(funded: Client, app: Flask, engine: Database, api_settings: Settings) -> Letter:
    funded.created("/contacts", {"email": ANNA})
    answer = funded.post("/emails/send", {"to_email": ANNA, "subject": "Hi", "html_content": "<p>Hi</p>"})
    return accepted(app, engine, api_settings, answer.get_json()["data"]["id"])


def _standing(letter: Letter) -> tuple[str, str | None]:
    """The contact's status, and why Anna is suppressed."""
    with letter.engine.transaction(None) as session:
        row = session.execute(
            text(
                "SELECT c.status, s.reason FROM contacts c LEFT JOIN suppressions s"
                " ON s.organization_id = c.organization_id AND s.recipient = c.email WHERE c.organization_id = :id"
            ),
            {"id": letter.organization_id},
        ).one()
    return row.status, row.reason


def test_nothing_happens_until_somebody_says_so(letter: Letter) -> None:
    for method in ("GET", "HEAD", "OPTIONS"):
        assert letter.ask(letter.leave, method).status_code == 200
    page = letter.ask(letter.leave)
    assert "Stop getting emails from Acme?" in page.text
    assert "an•••@example.org" in page.text
    assert ANNA not in page.text
    assert _standing(letter) == ("active", None)
    assert letter.told() == []


def test_one_click_unsubscribes_at_once(letter: Letter, funded: Client) -> None:
    answer = letter.ask(letter.leave, "POST", data=ONE_CLICK)
    assert (answer.status_code, answer.headers.get("Location"), answer.headers.get("Set-Cookie")) == (200, None, None)
    assert _standing(letter) == ("unsubscribed", "unsubscribed")  # before the courier knows of it
    refused = funded.post("/emails/send", {"to_email": ANNA, "subject": "Hi", "html_content": "<p>Hi</p>"})
    assert refused.status_code == 422
    [(kind, payload)] = letter.told()
    assert (kind, payload["by"]) == ("unsubscribed", "one-click")
    message = letter.apply()
    assert message.unsubscribed_at is not None
    again = letter.ask(letter.leave, "POST", data=ONE_CLICK, content_type="multipart/form-data")  # RFC 8058, 3.2
    assert again.status_code == 200
    assert letter.apply().unsubscribed_at == message.unsubscribed_at


def test_people_unsubscribe_and_come_back(letter: Letter) -> None:
    done = letter.ask(letter.leave, "POST", data={"decision": "unsubscribe"})
    assert "You are unsubscribed" in done.text
    assert _standing(letter) == ("unsubscribed", "unsubscribed")
    assert "You are unsubscribed" in letter.ask(letter.leave).text
    back = letter.ask(letter.leave, "POST", data={"decision": "subscribe"})
    assert "You are subscribed again" in back.text
    assert _standing(letter) == ("active", None)
    assert letter.apply().unsubscribed_at is not None
    assert _standing(letter) == ("active", None)  # what is applied late takes nothing back
    assert "Stop getting emails" in letter.ask(letter.leave).text


def test_nobody_comes_back_who_was_suppressed_for_something_else(letter: Letter, funded: Client) -> None:
    funded.created("/suppressions", {"email": ANNA, "reason": "manual"})
    answer = letter.ask(letter.leave, "POST", data={"decision": "subscribe"})
    assert "This cannot be changed here" in answer.text
    assert _standing(letter)[1] == "manual"


def test_links_of_other_kinds_other_messages_and_no_message_do_nothing(
    letter: Letter, monkeypatch: pytest.MonkeyPatch
) -> None:
    links = letter.links
    flipped = links.unsubscribe[:-1] + ("A" if links.unsubscribe[-1] != "A" else "B")
    attacks = [links.open, links.click, flipped, letter.link()[5:], "x"]
    for token in attacks:
        for method in ("GET", "POST"):
            assert letter.ask(f"/u/{token}", method, data=ONE_CLICK).status_code == 404
    assert _standing(letter) == ("active", None)
    monkeypatch.setattr(link_tokens, "is_same", lambda *_: True)
    assert letter.ask(f"/u/{links.open}", "POST", data=ONE_CLICK).status_code == 200  # without the guard they would
    assert _standing(letter) == ("unsubscribed", "unsubscribed")


def test_one_organization_only(letter: Letter, new_client: Callable[..., Client]) -> None:
    globex = new_client("Globex")
    globex.created("/contacts", {"email": ANNA})
    letter.ask(letter.leave, "POST", data=ONE_CLICK)
    assert globex.get("/contacts").get_json()["data"]["data"][0]["status"] == "active"


def test_a_page_takes_nothing_from_elsewhere_and_no_name_writes_into_it(
    letter: Letter, funded: Client, engine: Database
) -> None:
    with engine.transaction(None) as session:
        session.execute(
            text("UPDATE organizations SET name = :name WHERE id = :id"),
            {"name": "<script>alert(1)</script> & Söhne", "id": letter.organization_id},
        )
    answer = letter.ask(letter.leave)
    assert "<script" not in answer.text
    assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; Söhne" in answer.text
    policy = answer.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert "frame-ancestors 'none'" in policy
    assert not [word for word in ("http:", "https:", "src=", "url(") if word in answer.text]
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Referrer-Policy"] == "no-referrer"


def test_one_link_is_posted_to_so_often_a_minute(letter: Letter) -> None:
    for _ in range(POSTS_A_MINUTE):
        assert letter.ask(letter.leave, "POST", data=ONE_CLICK).status_code == 200
    answer = letter.ask(letter.leave, "POST", data=ONE_CLICK)
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "60")


@pytest.mark.parametrize(
    ("address", "shown"), [("anna@b.example", "an•••@b.example"), ("a@b.example", "a•••@b.example")]
)
def test_an_address_is_shown_so_that_its_owner_knows_it(address: str, shown: str) -> None:
    assert shown_address(address) == shown
