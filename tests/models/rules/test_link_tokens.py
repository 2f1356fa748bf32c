"""Tokens of links: nobody makes one, nobody changes one, and each attack gets through when its guard is taken away."""

import base64
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.rules import link_tokens
from models.rules.ids import new_id
from models.rules.link_tokens import (
    HEAD_LENGTH,
    URL_MAX,
    LinkKeys,
    LinkKind,
    ReadLink,
    content_mark,
    is_web_address,
)

KEYS = LinkKeys([b"k" * 32])
# Not made anew: they are part of tests' names, which are the same in all processes.
MESSAGE, CONTENT = UUID("01890000-0000-7000-8000-000000000042"), UUID("01890000-0000-7000-8000-000000000043")
MARK = content_mark(CONTENT)
HEADS = KEYS.message_links(MESSAGE, MARK)
URL = "https://shop.example/spring?a=1&b=2#top"
CLICK = HEADS.click + KEYS.address(URL, MARK)
TOKENS = {LinkKind.OPEN: HEADS.open, LinkKind.CLICK: CLICK, LinkKind.UNSUBSCRIBE: HEADS.unsubscribe}


def test_a_token_says_its_message_and_where_it_leads() -> None:
    assert KEYS.read(LinkKind.OPEN, HEADS.open) == ReadLink(MESSAGE)
    assert KEYS.read(LinkKind.UNSUBSCRIBE, HEADS.unsubscribe) == ReadLink(MESSAGE)
    assert KEYS.read(LinkKind.CLICK, CLICK) == ReadLink(MESSAGE, URL)
    assert {len(head) for head in (HEADS.open, HEADS.click, HEADS.unsubscribe)} == {HEAD_LENGTH}


@given(st.uuids(), st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=200))
def test_every_message_and_address_comes_back(message: UUID, rest: str) -> None:
    url = f"https://{rest}"
    token = KEYS.message_links(message, MARK).click + KEYS.address(url, MARK)
    assert KEYS.read(LinkKind.CLICK, token) == ReadLink(message, url)


@pytest.mark.parametrize("kind", LinkKind)
def test_no_character_of_a_token_can_be_another(kind: LinkKind) -> None:
    token = TOKENS[kind]
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    for place, letter in enumerate(token):
        for other in (letters[letters.index(letter) ^ bit] for bit in (1, 2, 4, 8, 16, 32)):
            assert KEYS.read(kind, token[:place] + other + token[place + 1 :]) is None, (place, other)


@pytest.mark.parametrize("kind", LinkKind)
@pytest.mark.parametrize("other", LinkKind)
def test_a_link_of_one_kind_is_none_of_another(kind: LinkKind, other: LinkKind) -> None:
    token = TOKENS[other]
    if kind is not other:
        assert KEYS.read(kind, token) is None
        assert KEYS.read(kind, token[:HEAD_LENGTH]) is None
        assert KEYS.read(kind, token[:HEAD_LENGTH] + KEYS.address(URL, MARK)) is None


@pytest.mark.parametrize(
    "token",
    ["", "x", HEADS.open[:-1], HEADS.open + "A", HEADS.open + "=", HEADS.open + "AAAA", "é" * 48, "-" * 48, "A" * 3000],
)
def test_what_is_no_token_is_none(token: str) -> None:
    for kind in LinkKind:
        assert KEYS.read(kind, token) is None


def test_another_key_makes_other_links() -> None:
    other = LinkKeys([b"o" * 32])
    assert other.read(LinkKind.OPEN, HEADS.open) is None
    assert other.read(LinkKind.CLICK, CLICK) is None


def test_links_made_with_a_key_that_was_replaced_go_on_working() -> None:
    later = LinkKeys([b"n" * 32, b"k" * 32])
    assert later.read(LinkKind.CLICK, CLICK) == ReadLink(MESSAGE, URL)
    assert later.message_links(MESSAGE, MARK) != HEADS
    mixed = later.message_links(MESSAGE, MARK).click + KEYS.address(URL, MARK)
    assert later.read(LinkKind.CLICK, mixed) is None


def test_two_keys_may_have_the_same_number() -> None:
    numbers: dict[int, bytes] = {}
    for no in range(2000):
        secret = no.to_bytes(32, "big")
        number = base64.urlsafe_b64decode(LinkKeys([secret]).message_links(MESSAGE, MARK).open)[0]
        if number in numbers:
            both = LinkKeys([secret, numbers[number]])
            assert both.read(LinkKind.OPEN, LinkKeys([numbers[number]]).message_links(MESSAGE, MARK).open)
            assert both.read(LinkKind.OPEN, both.message_links(MESSAGE, MARK).open)
            return
        numbers[number] = secret
    pytest.fail("256 numbers, and none came twice")


def test_the_address_of_one_content_cannot_be_put_behind_a_message_of_another() -> None:
    foreign = content_mark(new_id())
    assert KEYS.read(LinkKind.CLICK, HEADS.click + KEYS.address("https://evil.example/", foreign)) is None
    same = KEYS.message_links(new_id(), MARK).click + KEYS.address(URL, MARK)
    assert KEYS.read(LinkKind.CLICK, same)  # of the same content: that mail has the same link


BAD = [
    "//evil.example/",
    "/\\evil.example",
    "javascript:alert(1)",
    "JavaScript://x/%0aalert(1)",
    "data:text/html,x",
    "https://a.example/\r\nSet-Cookie: a=b",
    "https://a.example/\nX: y",
    "https://a.example/ b",
    "ftp://a.example/",
    "https:evil.example",
    "https://",
    "",
]


@pytest.mark.parametrize("url", BAD)
def test_no_link_leads_out_of_the_web_even_if_it_was_signed(url: str) -> None:
    assert not is_web_address(url)
    assert KEYS.read(LinkKind.CLICK, HEADS.click + KEYS.address(url, MARK)) is None


@pytest.mark.parametrize("url", [url for url in BAD if url])
def test_it_would_without_the_guard(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(link_tokens, "is_web_address", lambda _: True)
    assert KEYS.read(LinkKind.CLICK, HEADS.click + KEYS.address(url, MARK)) == ReadLink(MESSAGE, url)


def test_an_address_may_be_so_long_and_no_longer() -> None:
    longest = "https://a.example/" + "x" * (URL_MAX - 18)
    assert KEYS.read(LinkKind.CLICK, HEADS.click + KEYS.address(longest, MARK)) == ReadLink(MESSAGE, longest)
    assert not is_web_address(longest + "x")


def _forged(tag_of: LinkKeys) -> str:
    return tag_of.message_links(MESSAGE, MARK).click + tag_of.address("https://evil.example/", MARK)


def test_forgeries_are_read_where_tags_are_not_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    """The guard of all tests above: without it a changed letter, another kind and another key are believed."""
    flipped = HEADS.open[:-1] + ("A" if HEADS.open[-1] != "A" else "B")
    same_number = next(
        keys
        for no in range(5000)
        if (keys := LinkKeys([no.to_bytes(32, "big")])).message_links(MESSAGE, MARK).open[:1] == HEADS.open[:1]
        and base64.urlsafe_b64decode(keys.message_links(MESSAGE, MARK).open)[0]
        == base64.urlsafe_b64decode(HEADS.open)[0]
    )
    attacks = [
        (LinkKind.OPEN, flipped),
        (LinkKind.UNSUBSCRIBE, HEADS.click),
        (LinkKind.CLICK, _forged(same_number)),
        (LinkKind.CLICK, HEADS.click + KEYS.address("https://evil.example/", content_mark(new_id()))),
    ]
    assert [KEYS.read(kind, token) for kind, token in attacks] == [None] * 4
    monkeypatch.setattr(link_tokens, "is_same", lambda *_: True)
    assert None not in [KEYS.read(kind, token) for kind, token in attacks]
