"""Attacks that cost more time than their size, or write to the operator's terminal, with their guards taken out."""

import re
from datetime import UTC, datetime

import pytest

from deployments.commands.callbacks import shown
from tasks.bounces.reading import read_mail
from tasks.content.inline_css import inline_css
from tests.support.bounces import MESSAGE, PATHS, postfix
from tests.support.guards import Attack, is_kept_off, takes_too_long

NOW = datetime(2026, 11, 30, 12, 0, 5, tzinfo=UTC)
PATH = PATHS.address_of(MESSAGE).encode()
NOTHING = re.compile("(?!)")


def _nothing(*_: object) -> None:
    return None


# -- what costs more than it may


def _mail(head: bytes, body: bytes = b"x\r\n") -> bytes:
    return b"To: " + PATH + b"\r\n" + head + b"\r\n\r\n" + body


_SEMICOLONS = _mail(b'Content-Type: multipart/report; boundary="' + b";" * 900_000)
_DEEP = b"To: " + PATH + b"\r\nContent-Type: multipart/mixed; boundary=b0\r\n\r\n" + b"".join(
    b"--b%d\r\nContent-Type: multipart/mixed; boundary=b%d\r\n\r\n" % (no, no + 1) for no in range(300)
) + b"x\r\n" * 200_000  # fmt: skip

COSTLY = [
    Attack(
        "style sheets that never end",
        lambda: takes_too_long(lambda: inline_css("<style>" * 60_000)),
        {"tasks.content.placeholders.check_ends": _nothing},
    ),
    Attack(
        "more CSS rules than a mail has",
        lambda: takes_too_long(
            lambda: inline_css("<style>" + "".join(f".a{no}{{b:c}}" for no in range(20_000)) + "</style><p>x</p>")
        ),
        {"tasks.content.inline_css.SELECTORS_MAX": 1_000_000},
    ),
    Attack(
        "a bounce with a header of a megabyte",
        lambda: takes_too_long(lambda: read_mail(_SEMICOLONS, PATHS, NOW)),
        {"tasks.bounces.reading._HEADER_MAX": 2_000_000},
    ),
    Attack(
        "a bounce of parts within parts",
        lambda: takes_too_long(lambda: read_mail(_DEEP, PATHS, NOW)),
        {"tasks.bounces.reading._BOUNDARIES_MAX": 1_000_000},
    ),
]

# -- what is written to logs and terminals

SAID = [
    Attack(
        "colours for the operator's terminal in a bounce",
        lambda: "\x1b" in read_mail(postfix(path=PATH.decode(), action="\x1b[2Jdelayed"), PATHS, NOW).what,
        {"tasks.bounces.reading._NOT_PRINTED": NOTHING},
    ),
]


def test_what_a_callback_says_to_a_terminal_is_text() -> None:
    assert shown("a\x1b[2J\x9b2J\r\u202eb\nü\t") == r"a\x1b[2J\x9b2J\r\u202eb" + "\nü\t"


@pytest.mark.parametrize("attack", [*COSTLY, *SAID], ids=lambda attack: attack.name.replace(" ", "-"))
def test_an_attack_gets_through_only_where_its_guard_is_taken_out(attack: Attack) -> None:
    is_kept_off(attack)
