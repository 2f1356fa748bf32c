"""Attacks, each kept off by a guard, and each getting through when that guard is taken out (docs/security.md)."""

import re
from collections.abc import Callable

import pytest

from api.csv_download import csv_answer
from models.rules.ids import new_id
from models.rules.link_tokens import LinkKeys, LinkKind, content_mark
from models.rules.public_addresses import is_public
from models.rules.webhook_url import parse_webhook_url
from tasks.content.attachment_rules import check_total, checked_attachments
from tasks.content.attachments import AttachedFile
from tasks.content.headers import plain_header, to_header, unstructured_header, wire_address
from tasks.providers.http_client import HttpServer
from tests.support.bounces import MESSAGE
from tests.support.guards import Attack, is_kept_off

INJECTED = "x\r\nBcc: everybody@example.net"
ANYTHING = re.compile("(?s).*")
NOTHING = re.compile("(?!)")
KEYS = LinkKeys([b"k" * 32])
CONTENT = content_mark(new_id())
HEADS = KEYS.message_links(MESSAGE, CONTENT)


def _yes(*_: object) -> bool:
    return True


def _no(*_: object) -> bool:
    return False


# -- links


def _flipped_link() -> bool:
    token = HEADS.unsubscribe[:-1] + ("A" if HEADS.unsubscribe[-1] != "A" else "B")
    return KEYS.read(LinkKind.UNSUBSCRIBE, token) is not None


def _link_of_another_kind() -> bool:
    return KEYS.read(LinkKind.UNSUBSCRIBE, HEADS.open) is not None


def _link_out_of_the_web() -> bool:
    return KEYS.read(LinkKind.CLICK, HEADS.click + KEYS.address("javascript:alert(1)", CONTENT)) is not None


LINKS = [
    Attack("a changed link", _flipped_link, {"models.rules.link_tokens.is_same": _yes}),
    Attack("an open's link that unsubscribes", _link_of_another_kind, {"models.rules.link_tokens.is_same": _yes}),
    Attack("a link that runs a script", _link_out_of_the_web, {"models.rules.link_tokens.is_web_address": _yes}),
]

# -- headers


def _in(made: Callable[[], bytes]) -> Callable[[], bool]:
    return lambda: b"\r\nBcc:" in made()


HEADERS = [
    Attack(
        "a second header in a subject",
        _in(lambda: unstructured_header("Subject", INJECTED)),
        {"tasks.content.headers.header_text": str, "tasks.content.headers._ASCII_TEXT": _yes},
    ),
    Attack(
        "a second header in a ready-made one",
        _in(lambda: plain_header("List-Unsubscribe", INJECTED)),
        {"tasks.content.headers._HEADER_VALUE": _yes},
    ),
    Attack(
        "a word in a subject that readers decode",
        lambda: b"=?utf-8?q?Bank?=" in unstructured_header("Subject", "=?utf-8?q?Bank?="),
        {"tasks.content.headers._ENCODED_WORD": "\0"},
    ),
    Attack(
        "a second header in an address",
        _in(lambda: to_header("a@example.com" + INJECTED, None)),
        {"tasks.content.headers._PLAIN_ADDRESS": _yes},
    ),
    Attack(
        "a second SMTP command in an address",
        lambda: "\n" in wire_address("a@example.com>\r\nRCPT TO:<b@example.com").address,
        {"tasks.content.headers._PLAIN_ADDRESS": _yes},
    ),
    Attack(
        "a second HTTP request in a webhook's address",
        lambda: " " in parse_webhook_url("https://example.com/ HTTP/1.1").target,
        {"models.rules.webhook_url._PRINTABLE": ANYTHING, "models.rules.webhook_url._BLANK": NOTHING},
    ),
]

# -- what comes in and goes out as a file


def _formula() -> bool:
    return csv_answer("x.csv", ["a"], [["=HYPERLINK(1)"]]).get_data().splitlines()[1].startswith(b"=")


def _formula_behind_a_semicolon() -> bool:
    text = csv_answer("x.csv", ["a"], [["x;=HYPERLINK(1)"]]).get_data(as_text=True)
    return ";=" in text


def _program() -> bool:
    return bool(checked_attachments("attachments", [AttachedFile("invoice.exe", "application/pdf", b"MZ")]))


def _large_files() -> bool:
    half = b"%PDF-" + bytes(11 * 1024 * 1024)
    files = [AttachedFile(f"{no}.pdf", "application/pdf", half) for no in range(2)]
    check_total("attachments", files)
    return True


FILES = [
    Attack("a formula in a CSV file", _formula, {"api.csv_download.neutral_cell": lambda cell: cell}),
    Attack(
        "a formula behind another separator",
        _formula_behind_a_semicolon,
        {"api.csv_download.neutral_cell": lambda cell: cell},
    ),
    Attack("a program as an attachment", _program, {"tasks.content.attachment_rules.is_program": _no}),
    Attack("more files than a mail takes", _large_files, {"tasks.content.attachment_rules.BYTES_MAX": 1 << 30}),
]

# -- what is logged

SECRETS = [
    Attack(
        "a password in what is logged of a provider",
        lambda: "s3cr3t" in repr(HttpServer("api.example", 443, tls=True, headers=(("Authorization", "s3cr3t"),))),
        {"tasks.providers.http_client.HttpServer.__repr__": lambda server: str(server.headers)},
    ),
]

# -- what goes to addresses of others

OUTWARD = [
    Attack(
        f"a webhook to {address}",
        lambda address=address: is_public(address),  # type: ignore[misc]
        {"models.rules.public_addresses._SPECIAL_V4": [], "models.rules.public_addresses._SPECIAL_V6": []},
    )
    for address in ("127.0.0.1", "169.254.169.254", "10.0.0.1", "100.64.0.1", "2002:7f00:1::1")
]


@pytest.mark.parametrize(
    "attack",
    [*LINKS, *HEADERS, *FILES, *SECRETS, *OUTWARD],
    ids=lambda attack: attack.name.replace(" ", "-"),
)
def test_an_attack_gets_through_only_where_its_guard_is_taken_out(attack: Attack) -> None:
    is_kept_off(attack)
