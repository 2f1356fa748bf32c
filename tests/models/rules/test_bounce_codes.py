"""Which codes say that an address is gone: a mistake keeps somebody from getting mail for ever."""

import pytest

from models.rules.bounce_codes import is_hard, status_in


@pytest.mark.parametrize(
    ("status", "diagnostic", "hard"),
    [
        ("5.1.1", "", True),
        ("5.1.2", "host not found", True),
        ("5.1.10", "null MX", True),
        ("5.4.4", "unable to route", True),
        ("5.2.1", "mailbox disabled", True),
        ("5.2.2", "mailbox full", False),
        ("5.1.8", "sender address has no domain", False),
        ("5.7.1", "550 5.7.1 blocked", False),
        ("4.1.1", "450 4.1.1 greylisted", False),
        ("5.0.0", "550 5.1.1 no such user", True),
        ("5.0.0", "550 no such user", True),
        ("5.0.0", "552 too large", False),
        ("5.0.0", "550 5.7.26 not authenticated", False),
        ("4.0.0", "550 odd", False),
        (None, "553 not here", True),
        (None, "call 5501234", False),
        (None, "", False),
    ],
)
def test_hard_is_what_says_that_there_is_no_such_address(status: str | None, diagnostic: str, hard: bool) -> None:
    assert is_hard(status, diagnostic) is hard


def test_an_address_or_a_version_is_no_status() -> None:
    assert status_in("at 192.5.1.1 by version 5.1.1.2") is None
    assert status_in("(5.1.1)") == "5.1.1"
