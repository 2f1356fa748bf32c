"""Contents whose links lead over us: what is rewritten, what is not, and that no mail is damaged by it."""

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from email.message import EmailMessage

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.rules.ids import new_id
from models.rules.link_tokens import LinkKeys, LinkKind
from tasks.content.freeze import FrozenEmail, freeze_email
from tasks.content.links import replace_links, web_address
from tasks.content.merging import MergeSource
from tasks.content.mime import PreparedEmail
from tasks.content.rendering import Scalar
from tasks.content.tracking import Links, TrackedEmail, tracked
from tasks.content.tracking_tags import Tracking

KEYS = LinkKeys([b"k" * 32])
LINKS = Links(KEYS, "https://mail.example/")
ALL = Tracking(opens=True, clicks=True, unsubscribe=True)
CONTENT, MESSAGE = new_id(), new_id()
NOW = datetime(2026, 11, 23, 12, 0, 5, tzinfo=UTC)


def frozen(html: str | None, *, text: str | None = "Hi", tracking: Tracking | None = ALL) -> FrozenEmail:
    return FrozenEmail("Hi", html, text, "news@example.com", tracking=tracking)


def made(content: FrozenEmail, own: dict[str, Scalar] | None = None, links: Links | None = LINKS) -> bytes:
    ready = tracked(content, CONTENT, links)
    prepared = PreparedEmail(ready.frozen, ready.headers)
    return prepared.build(MESSAGE, "anna@example.org", None, NOW, ready.values(MESSAGE, own or {}))


def bodies(message: EmailMessage) -> tuple[str, str]:
    parts = {part.get_content_subtype(): part.get_content() for part in message.walk() if not part.is_multipart()}
    return parts.get("html", ""), parts.get("plain", "")


def hrefs(html: str) -> list[str]:
    return re.findall(r'href="([^"]*)"', html)


def test_links_lead_over_us_and_a_pixel_tells_of_opens(read_message: Callable[[bytes], EmailMessage]) -> None:
    source = '<html><body><p>é</p><a class=x href="https://a.example/?x=1&amp;y=2">Go</a></body></html>'
    message = read_message(made(frozen(source)))
    html, text = bodies(message)
    [link] = hrefs(html)
    found = KEYS.read(LinkKind.CLICK, link.removeprefix("https://mail.example/t/c/"))
    assert found is not None
    assert (found.message_id, found.url) == (MESSAGE, "https://a.example/?x=1&y=2")
    [pixel] = re.findall(r'<img src="https://mail.example/t/o/([^"]*)"', html)
    opened = KEYS.read(LinkKind.OPEN, pixel)
    assert opened is not None
    assert opened.message_id == MESSAGE
    assert html.rstrip().endswith("></body></html>")
    assert text.strip() == "Hi"


def test_people_can_leave_by_one_click(read_message: Callable[[bytes], EmailMessage]) -> None:
    html = '<a href="{{ unsubscribe_url }}">Leave</a>'
    message = read_message(made(frozen(html, text="Leave: {{ unsubscribe_url }}")))
    header = re.fullmatch(r"<https://mail\.example/u/([A-Za-z0-9_-]{48})>", message["List-Unsubscribe"])
    assert header is not None
    assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    found = KEYS.read(LinkKind.UNSUBSCRIBE, header[1])
    assert found is not None
    assert found.message_id == MESSAGE
    html, text = bodies(message)
    assert hrefs(html) == [f"https://mail.example/u/{header[1]}"]
    assert text.strip() == f"Leave: https://mail.example/u/{header[1]}"


def test_what_somebody_gives_for_the_tag_is_theirs() -> None:
    body = made(frozen(None, text="{{ unsubscribe_url }}"), {"unsubscribe_url": "https://own.example/"})
    assert b"\r\nhttps://own.example/=\r\n" in body
    assert b"List-Unsubscribe: <https://mail.example/u/" in body


def test_nobody_gives_a_value_for_a_tag_of_ours() -> None:
    assert b"evil" not in made(frozen('<a href="https://a.example/">x</a>'), {"exosend.clicked": "evil"})


@pytest.mark.parametrize(
    "link",
    [
        '<a href="mailto:a@b.example">x</a>',
        '<a href="tel:+37060000000">x</a>',
        '<a href="#top">x</a>',
        '<a name="top">x</a>',
        "<a href>x</a>",
        '<a href="">x</a>',
        '<a href="/relative">x</a>',
        '<a href="//evil.example/">x</a>',
        '<a href="javascript:alert(1)">x</a>',
        '<a href="https://a.example/?e={{ email }}">x</a>',
        '<a href="{{ unsubscribe_url }}">x</a>',
        '<a href="https://a.example/{% if a %}1{% endif %}">x</a>',
        '<a href="https://a.example/" data-track="off">x</a>',
        "<a data-track=off href=https://a.example/>x</a>",
        '<a href="https://mail.example/u/x">x</a>',
        '<link href="https://a.example/style.css">',
        '<!-- <a href="https://a.example/">x</a> -->',
        '<p title="<a href=https://a.example/>">x</p>',
        '<style>a[href="https://a.example/"]{color:red}</style>',
        f'<a href="https://a.example/{"x" * 1500}">x</a>',
        "<![foo[ <a href='https://a.example/'>",
    ],
)
def test_what_is_left_alone(link: str) -> None:
    ready = tracked(frozen(link, tracking=replace(ALL, opens=False)), CONTENT, LINKS)
    assert ready.frozen.html == link


@pytest.mark.parametrize(
    ("href", "address"),
    [
        ('"https://a.example/"', "https://a.example/"),
        ("'HTTPS://A.example/'", "HTTPS://A.example/"),
        ("https://a.example/x", "https://a.example/x"),
        ('" https://a.example/\n x"', "https://a.example/%20x"),
        ('"https://bücher.example:8080/ü?q=é x"', "https://xn--bcher-kva.example:8080/%C3%BC?q=%C3%A9%20x"),
        ('"https://a.example/%0d%0aSet-Cookie"', "https://a.example/%0d%0aSet-Cookie"),
        ('"https://a.example/?a=1&copy=2"', "https://a.example/?a=1©=2"),
    ],
)
def test_an_address_is_what_a_browser_would_ask_for(href: str, address: str) -> None:
    seen: list[str] = []
    replace_links(
        f"<a title=' href=\"https://no.example/\"' HREF = {href} href='https://second.example/'>x</a>",
        lambda url: seen.append(url) or url,
    )  # type: ignore[func-returns-value]
    assert seen == [address if address.isascii() else address.replace("©", "%C2%A9")]


@given(st.text(max_size=60))
def test_an_address_is_of_the_web_and_in_ascii_or_none(written: str) -> None:
    for start in ("", "https://", "https://a.example/"):
        address = web_address(start + written)
        assert address is None or re.fullmatch(r"(?i)https?://[!-~]+", address)


def test_links_within_conditions_work_too(read_message: Callable[[bytes], EmailMessage]) -> None:
    source = '{% if a %}<a href="https://a.example/">x</a>{% else %}<a href="https://b.example/">x</a>{% endif %}'
    for own, url in (({"a": 1}, "https://a.example/"), ({}, "https://b.example/")):
        html, _ = bodies(read_message(made(frozen(source), own)))  # type: ignore[arg-type]
        found = KEYS.read(LinkKind.CLICK, hrefs(html)[0].rpartition("/")[2])
        assert found is not None
        assert found.url == url


def test_a_sender_with_a_host_of_its_own_has_links_with_it() -> None:
    body = made(frozen(None, tracking=replace(ALL, host="links.news.example")))
    assert b"\r\nList-Unsubscribe: <https://links.news.example/u/" in body
    assert made(frozen(None, tracking=replace(ALL, host="links.news.example")), links=Links(KEYS, None)) == body


def test_without_an_address_of_ours_the_mail_is_as_it_was_written() -> None:
    content = frozen('<a href="https://a.example/">x</a>')
    plain = made(replace(content, tracking=None))
    boundaries = re.compile(rb"=_[0-9a-f]{32}")
    assert boundaries.sub(b"", made(content, links=Links(KEYS, None))) == boundaries.sub(b"", plain)
    assert made(replace(content, tracking=None), links=None) == plain


def test_a_provider_that_fills_in_gets_the_same(read_message: Callable[[bytes], EmailMessage]) -> None:
    content = frozen('<a href="https://a.example/">x</a> <a href="https://b.example/">x</a>')
    ready: TrackedEmail = tracked(content, CONTENT, LINKS)
    source = MergeSource(ready.frozen, ready.headers)
    values = source.values(ready.values(MESSAGE, {}))

    def filled(places: tuple[str | int, ...]) -> str:
        return "".join([each if isinstance(each, str) else values[each] for each in places])

    message = read_message(made(content))
    assert {name: filled(places) for name, places in source.headers} == {
        name: message[name] for name in ("List-Unsubscribe", "List-Unsubscribe-Post")
    }
    assert source.html is not None
    assert filled(source.html) == bodies(message)[0].rstrip()
    assert len(values) == 3  # one for all links, one for the pixel, one for the header


def test_the_hash_tells_contents_apart_by_what_is_tracked() -> None:
    plain = freeze_email(subject="Hi", html="<p>x</p>", text=None, from_email="a@example.com")
    hashes = {replace(plain, tracking=each).hash for each in (None, ALL, Tracking(), replace(ALL, host="l.example"))}
    assert len(hashes) == 4
