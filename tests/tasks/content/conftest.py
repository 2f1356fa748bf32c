from collections.abc import Callable
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser

import pytest


def parse(message: bytes) -> EmailMessage:
    parsed = BytesParser(policy=policy.SMTP).parsebytes(message)
    for part in parsed.walk():
        assert part.defects == []
        for header in part.values():
            assert header.defects == ()
    head, _, body = message.partition(b"\r\n\r\n")
    assert b"\n" not in message.replace(b"\r\n", b"")
    assert b"\r" not in message.replace(b"\r\n", b"")
    assert b"\0" not in message
    assert max(map(len, head.split(b"\r\n"))) <= 998
    assert max(map(len, body.split(b"\r\n"))) <= 76
    return parsed


@pytest.fixture(scope="session")
def read_message() -> Callable[[bytes], EmailMessage]:
    """Python's own parser: asserts that it finds no defect, and that lines and line ends are as RFC 5322 wants them."""
    return parse
