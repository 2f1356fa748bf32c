from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from email.message import EmailMessage
from uuid import UUID

import mailparser
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.errors import InvalidInput
from tasks.content.attachment_rules import (
    BYTES_MAX,
    FILES_MAX,
    check_total,
    checked_attachments,
    clean_file_name,
)
from tasks.content.attachments import AttachedFile
from tasks.content.freeze import FrozenEmail
from tasks.content.mime import PreparedEmail

Reader = Callable[[bytes], EmailMessage]

ID = UUID("01890000-0000-7000-8000-000000000042")
NOW = datetime(2026, 11, 23, 12, 0, 5, tzinfo=UTC)
EMAIL = FrozenEmail("S", "<p>{{ a }}</p>", "{{ a }}", "news@example.com")

names = st.text(max_size=80) | st.sampled_from(
    ["a.pdf", "\u00a0", "a\u3000.pdf\u00a0", 'q"u\\o.txt', "ė" * 90 + ".pdf", "=?utf-8?q?x?=.txt", "%41.txt"]
)
files = st.builds(
    AttachedFile, names, st.sampled_from(["application/pdf", "text/plain", "nonsense", "message/rfc822"]), st.binary()
)


def _build(frozen: FrozenEmail, attachments: list[AttachedFile], to_name: str | None = None) -> bytes:
    prepared = PreparedEmail(frozen, attachments=attachments)
    return prepared.build(ID, "anna@example.org", to_name, NOW, {"a": "x"})


def _programs_left_out(attachments: list[AttachedFile]) -> list[AttachedFile]:
    checked = []
    for file in attachments:
        try:
            checked += checked_attachments("attachments", [file])
        except InvalidInput:
            continue
    return checked


@given(attachments=st.lists(files, min_size=1, max_size=3))
def test_two_parsers_read_the_files_that_were_attached(read_message: Reader, attachments: list[AttachedFile]) -> None:
    checked = _programs_left_out(attachments)
    if not checked:
        return
    message = _build(EMAIL, checked)
    parsed = read_message(message)
    assert parsed.get_content_type() == "multipart/mixed"
    body, *parts = parsed.iter_parts()
    assert body.get_content_type() == "multipart/alternative"
    assert [part.get_content_disposition() for part in parts] == ["attachment"] * len(checked)
    read = [(part.get_filename(), part.get_content_type(), part.get_payload(decode=True)) for part in parts]
    assert read == [(file.file_name, file.media_type, file.content) for file in checked]

    second = mailparser.parse_from_bytes(message)
    assert second.has_defects is False
    assert [part.strip() for part in (*second.text_plain[:1], *second.text_html[:1])] == ["x", "<p>x</p>"]


@pytest.mark.parametrize(("html", "text"), [(None, "t"), ("<p>h</p>", None)])
def test_a_single_body_is_followed_by_files_as_well(read_message: Reader, html: str | None, text: str | None) -> None:
    file = AttachedFile("a.bin1", "application/octet-stream", bytes(range(256)) * 3)
    parsed = read_message(_build(replace(EMAIL, html=html, text=text), [file]))
    assert [part.get_content_maintype() for part in parsed.walk()] == ["multipart", "text", "application"]
    assert next(iter(parsed.iter_attachments())).get_payload(decode=True) == file.content


@given(name=st.text(max_size=60))
def test_the_recipients_name_is_in_the_header(read_message: Reader, name: str) -> None:
    [address] = read_message(_build(EMAIL, [], name))["To"].addresses
    assert address.addr_spec == "anna@example.org"
    assert "\n" not in address.display_name


@given(name=st.text(max_size=400))
def test_a_cleaned_name_stays_as_it_is_and_is_short(name: str) -> None:
    cleaned = clean_file_name(name)
    assert clean_file_name(cleaned) == cleaned
    assert 0 < len(cleaned.encode()) <= 200
    assert not {"/", "\\", "\r", "\n", "\0"} & set(cleaned)


def test_too_many_or_too_large_files_are_refused() -> None:
    small = AttachedFile("a.txt", "text/plain", b"x")
    assert len(checked_attachments("attachments", [small] * FILES_MAX)) == FILES_MAX
    for besides, count in ((0, FILES_MAX + 1), (FILES_MAX, 1)):
        with pytest.raises(InvalidInput):
            checked_attachments("attachments", [small] * count, besides=besides)
    large = replace(small, content=b"x" * BYTES_MAX)
    check_total("attachments", [large])
    with pytest.raises(InvalidInput) as error:
        check_total("attachments", [large, small])
    assert list(error.value.errors) == ["attachments"]
