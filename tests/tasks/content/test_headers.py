from email import policy
from email.header import decode_header, make_header
from email.parser import BytesParser
from email.utils import getaddresses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.errors import InvalidInput
from tasks.content.headers import (
    WireAddress,
    mailbox_header,
    plain_header,
    to_header,
    unstructured_header,
    wire_address,
)
from tasks.content.rendering import header_text

ANNA = WireAddress("anna@example.org", False)
words = st.sampled_from(
    [
        "\ud800",
        "=?utf-8?q?x?=",
        '"',
        ",",
        "<b@c.example>",
        "é",
        "日本語" * 9,
        "\r\n",
        "Bcc: x@y.example",
        "  ",
        "a" * 90,
    ]
)
texts = st.lists(words | st.text(max_size=30), max_size=8).map("".join)


def lines_of(header: bytes) -> list[bytes]:
    assert header.endswith(b"\r\n")
    lines = header[:-2].split(b"\r\n")
    assert all(line.startswith(b" ") and line.strip() for line in lines[1:])
    assert not any(byte in b"\r\n\0" for line in lines for byte in line)
    return lines


@given(texts)
def test_a_subject_reads_as_it_was_given_and_is_one_header(text: str) -> None:
    header = unstructured_header("Subject", text)
    assert all(len(line) <= 78 for line in lines_of(header))
    message = BytesParser(policy=policy.SMTP).parsebytes(header + b"\r\n")
    assert message.keys() == ["Subject"]
    assert message["Subject"] == header_text(text)
    assert message["Subject"].defects == ()


@given(texts)
def test_a_display_name_reads_as_it_was_given_and_adds_no_address(name: str) -> None:
    header = mailbox_header("To", ANNA, name)
    assert all(len(line) <= 78 for line in lines_of(header))
    message = BytesParser(policy=policy.SMTP).parsebytes(header + b"\r\n")
    assert message.keys() == ["To"]
    assert [address.addr_spec for address in message["To"].addresses] == ["anna@example.org"]
    assert message["To"].defects == ()
    # Not display_name: Python 3.11 puts a space between encoded words in a phrase, against RFC 2047, 6.2.
    [(phrase, _)] = getaddresses([header[3:].decode().replace("\r\n", "")])
    assert str(make_header(decode_header(phrase))) == header_text(name)[:200].rstrip(" ")


@pytest.mark.parametrize(
    ("name", "line"),
    [
        (None, b"To: anna@example.org\r\n"),
        ("Anna Berg", b"To: Anna Berg <anna@example.org>\r\n"),
        ('Berg, "Anna"', b'To: "Berg, \\"Anna\\"" <anna@example.org>\r\n'),
        ("Änna", b"To: =?utf-8?q?=C3=84nna?= <anna@example.org>\r\n"),
        ("日本", b"To: =?utf-8?b?5pel5pys?= <anna@example.org>\r\n"),
    ],
)
def test_a_display_name_is_written_in_its_plainest_form(name: str | None, line: bytes) -> None:
    assert to_header("anna@example.org", name) == line


def test_a_long_plain_subject_is_folded_at_spaces_and_not_encoded() -> None:
    header = unstructured_header("Subject", "word " * 40)
    assert b"=?" not in header
    assert len(lines_of(header)) == 3


@pytest.mark.parametrize(
    ("address", "wire"),
    [
        ("Anna+x@Example.ORG", WireAddress("Anna+x@Example.ORG", False)),
        ("anna@bücher.example", WireAddress("anna@xn--bcher-kva.example", False)),
        ("änna@bücher.example", WireAddress("änna@xn--bcher-kva.example", True)),
        ("用户@例子.example", WireAddress("用户@xn--fsqu00a.example", True)),
    ],
)
def test_an_address_goes_out_with_an_ascii_domain(address: str, wire: WireAddress) -> None:
    assert wire_address(address) == wire


@pytest.mark.parametrize(
    "address",
    [
        "",
        "anna",
        "@example.com",
        "anna@",
        "a b@example.com",
        "a@b@example.com",
        "a@example.com\r\nX: y",
        "a\x00@example.com",
        "<a@example.com>",
        "a@exa mple.com",
        "a,b@example.com",
        "é\u2028@example.com",
        "é @example.com",
        "a..b@example.com",
        "\ud800@example.com",
        "é" * 40 + "@example.com",
        "a" * 300 + "@example.com",
    ],
)
def test_what_could_break_a_header_is_no_address(address: str) -> None:
    with pytest.raises(InvalidInput) as error:
        wire_address(address, "from_email")
    assert list(error.value.errors) == ["from_email"]


@given(st.text())
def test_no_text_gets_through_as_an_address_with_room_for_more(text: str) -> None:
    try:
        header = to_header(text, None)
    except InvalidInput:
        return
    assert len(lines_of(header)) == 1
    assert b"," not in header
    assert b" " not in header[4:]


@pytest.mark.parametrize(
    ("name", "value"), [("X-A", "b\r\nBcc: c"), ("X A", "b"), ("X-A", "é"), ("X-A", ""), ("X:A", "b")]
)
def test_a_ready_made_header_must_be_plain(name: str, value: str) -> None:
    with pytest.raises(ValueError, match="not a header"):
        plain_header(name, value)
