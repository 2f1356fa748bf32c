"""The pixel and the redirect: what is answered, what is kept, and what is not believed."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from flask import Flask
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from api.app import create_app
from api.tracking import views
from models.rules.ids import new_id
from models.session import Database
from models.settings import Settings
from tests.api.conftest import Client
from tests.support.links import READER, Letter, accepted

EMAIL = {"to_email": "anna@example.org", "subject": "Hi", "html_content": "<a href='https://shop.example/'>Go</a>"}


@pytest.fixture
def send(funded: Client, app: Flask, engine: Database, api_settings: Settings) -> Callable[..., Letter]:
    """Sends an email to somebody."""

    def send(seconds_ago: int = 3600) -> Letter:
        answer = funded.post("/emails/send", EMAIL)
        assert answer.status_code == 202, answer.text
        return accepted(app, engine, api_settings, answer.get_json()["data"]["id"], seconds_ago=seconds_ago)

    return send


@pytest.fixture
def letter(send: Callable[..., Letter]) -> Letter:
    return send()


def test_the_pixel_is_a_picture_that_nobody_keeps_and_tells_of_an_open(letter: Letter) -> None:
    answer = letter.ask(letter.pixel)
    assert (answer.status_code, answer.mimetype, len(answer.data)) == (200, "image/gif", 43)
    assert answer.data.startswith(b"GIF89a")
    assert "no-store" in answer.headers["Cache-Control"]
    assert "Set-Cookie" not in answer.headers
    assert letter.told() == [("opened", {"ip": "127.0.0.1", "user_agent": READER})]
    message = letter.apply()
    assert (message.state, message.opened_at is not None, message.clicked_at) == ("opened", True, None)


def test_a_click_goes_on_to_where_the_link_points_and_is_told_of(letter: Letter) -> None:
    url = "https://shop.example/x?a=1&b=%20#part"
    answer = letter.ask(letter.link(url))
    assert (answer.status_code, answer.headers["Location"]) == (302, url)
    assert "no-store" in answer.headers["Cache-Control"]
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert letter.told() == [("clicked", {"ip": "127.0.0.1", "user_agent": READER, "url": url})]
    message = letter.apply()
    assert (message.state, message.opened_at is not None) == ("clicked", True)


def test_the_same_click_twice_at_once_is_one_and_another_link_is_another(letter: Letter) -> None:
    for url in ("https://shop.example/", "https://shop.example/", "https://shop.example/other"):
        letter.ask(letter.link(url))
    urls = [payload["url"] for _, payload in letter.told()]
    assert urls in (
        ["https://shop.example/", "https://shop.example/other"],
        ["https://shop.example/", "https://shop.example/", "https://shop.example/other"],  # ten seconds ended meanwhile
    )


def test_a_broken_token_still_gets_a_picture_and_tells_nothing(letter: Letter) -> None:
    for token in (letter.pixel[:-1] + "!", letter.leave.replace("/u/", "/t/o/"), "/t/o/x", f"/t/o/{'A' * 48}"):
        answer = letter.ask(token)
        assert (answer.status_code, answer.data) == (200, views.PIXEL)
    assert letter.told() == []


def test_no_link_leads_where_its_author_did_not_point_it(letter: Letter) -> None:
    click, link = f"/t/c/{letter.links.click}", letter.link()
    for path in (
        "/t/c/x",
        "/t/c/https://evil.example/",
        "/t/c///evil.example",
        "/t/c/%2F%2Fevil.example",
        f"/t/c/{'A' * 200}",
        click,
        f"{click}aHR0cHM6Ly9ldmlsLmV4YW1wbGUv",
        letter.pixel.replace("/o/", "/c/"),
        f"{link}x",
        f"{link}%0d%0aLocation:%20https://evil.example/",
    ):
        answer = letter.ask(path)
        assert (answer.status_code, answer.headers.get("Location")) == (404, None), path
        assert "evil" not in answer.text
    assert letter.ask(f"{link}?url=https://evil.example/").headers["Location"] == "https://shop.example/"


def test_an_address_that_was_signed_by_mistake_is_not_gone_to(letter: Letter, monkeypatch: pytest.MonkeyPatch) -> None:
    links = [letter.link(url) for url in ("javascript:alert(1)", "//evil.example/", "data:text/html,x")]
    with_line_end = letter.link("https://a.example/\r\nSet-Cookie: stolen=1")
    for path in (*links, with_line_end):
        assert letter.ask(path).status_code == 404
    # It is looked at twice: where it is read, and where it becomes a header.
    monkeypatch.setattr("models.rules.link_tokens.is_web_address", lambda _: True)
    for path in (*links, with_line_end):
        assert letter.ask(path).status_code == 404
    monkeypatch.setattr(views, "is_web_address", lambda _: True)
    assert [letter.ask(path).status_code for path in links] == [302] * 3
    assert letter.ask(with_line_end).status_code == 500  # Werkzeug's own guard: no header has a line end


MACHINES: list[tuple[str, dict[str, str]]] = [
    ("HEAD", {}),
    ("GET", {"Purpose": "prefetch"}),
    ("GET", {"Sec-Purpose": "prefetch;prerender"}),
    ("GET", {"X-Moz": "prefetch"}),
    ("GET", {"User-Agent": "Mozilla/5.0"}),
    ("GET", {"User-Agent": "Barracuda Sentinel (EE)"}),
    ("GET", {"User-Agent": "curl/8.5.0"}),
    ("GET", {"User-Agent": "Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)"}),
]


def test_what_machines_do_is_kept_and_counts_for_nothing(letter: Letter) -> None:
    for no, (method, headers) in enumerate(MACHINES):
        assert letter.ask(letter.pixel, method, headers=headers).status_code == 200
        answer = letter.ask(letter.link(f"https://shop.example/{no}"), method, headers=headers)
        assert answer.status_code == 302
        assert method != "HEAD" or answer.data == b""
    assert {kind for kind, _ in letter.told()} == {"opened", "clicked"}
    message = letter.apply()
    assert (message.state, message.opened_at, message.clicked_at) == ("accepted", None, None)
    with letter.engine.transaction(None) as session:
        kept = session.execute(
            text("SELECT count(*) FROM events WHERE message_id = :id AND kind = 'clicked' AND payload @> :machine"),
            {"id": letter.message_id, "machine": '{"proxy": true}'},
        ).scalar_one()
    assert kept == len(MACHINES)


def test_the_proxy_of_a_mail_service_fetches_for_a_person(letter: Letter) -> None:
    agent = "Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)"
    letter.ask(letter.pixel, headers={"User-Agent": agent})
    assert letter.apply().state == "opened"


def test_a_click_as_soon_as_the_server_has_the_mail_is_a_scanners(send: Callable[..., Letter]) -> None:
    for seconds_ago, state in ((0, "accepted"), (-5, "accepted"), (5, "clicked")):
        letter = send(seconds_ago)
        letter.ask(letter.link())
        assert letter.apply().state == state


def test_an_open_waits_while_postgres_is_away(letter: Letter, monkeypatch: pytest.MonkeyPatch) -> None:
    recorder = letter.app.extensions["exosend"].recorder

    def away(*_: object) -> None:
        raise OperationalError("", None, Exception("away"))

    with monkeypatch.context() as context:
        context.setattr(recorder._database, "transaction", away)
        assert letter.ask(letter.pixel).status_code == 200
        assert letter.ask(letter.link()).status_code == 302
        with pytest.raises(OperationalError):
            recorder.flush()
    assert [kind for kind, _ in letter.told()] == ["opened", "clicked"]


def test_what_is_about_a_message_that_is_gone_is_dropped(letter: Letter) -> None:
    gone = replace(letter, message_id=new_id())
    assert gone.ask(gone.pixel).status_code == 200
    assert gone.ask(gone.link()).headers["Location"] == "https://shop.example/"
    assert gone.told() == []


def test_a_link_made_under_a_secret_key_that_was_replaced_works(
    letter: Letter, api_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert api_settings.secret_key is not None
    old = api_settings.secret_key.get_secret_value()
    for kept, status in ((old, 302), ("another", 404)):
        urls = {"api_database_url": letter.app.extensions["exosend"].database.url.render_as_string(hide_password=False)}
        app = create_app(api_settings.with_values(secret_key="new", secret_key_old=kept, **urls))
        assert app.test_client().get(letter.link()).status_code == status
        app.extensions["exosend"].recorder.flush()
        app.extensions["exosend"].database.close()
