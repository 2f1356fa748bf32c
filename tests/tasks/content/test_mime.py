import quopri
import unicodedata
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from email.message import EmailMessage, MIMEPart
from uuid import UUID

import mailparser
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.errors import InvalidInput
from tasks.content.freeze import FrozenEmail
from tasks.content.merge_tags import clean_text, parse_source
from tasks.content.mime import PreparedEmail
from tasks.content.rendering import Renderer, Scalar, header_text

Reader = Callable[[bytes], EmailMessage]

ID = UUID("01890000-0000-7000-8000-000000000042")
NOW = datetime(2026, 11, 23, 12, 0, 5, tzinfo=UTC)
PLAIN = FrozenEmail(
    "Hi {{ a }}", "<p>{{ a }}, {{ b|default('=') }}</p>", "{{ a }}\n.{{ b }}", "news@example.com", "Acme"
)
LOGIC = replace(
    PLAIN, html="<p>{% if a %}{{ a }}{% endif %}, {{ b|default('=') }}</p>", text="{{ a|default('') }}\n.{{ b|trim }}"
)

awkward = st.sampled_from(
    [
        "\r\n",
        "\n.",
        ".",
        "=",
        "=?utf-8?q?x?=",
        " ",
        "\t",
        "--=_",
        "\x00",
        "é",
        "😀",
        "a" * 75,
        "a" * 80,
        "<&'\"",
        "\ud800",
        "\u2028",
    ]
)
texts = st.lists(awkward | st.text(max_size=20), max_size=6).map("".join)
values = st.dictionaries(
    st.sampled_from(["a", "b"]), st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | texts
)


def build(frozen: FrozenEmail, given_values: dict[str, Scalar], **changes: object) -> bytes:
    arguments = {
        "message_id": ID,
        "recipient": "anna@example.org",
        "to_name": None,
        "date": NOW,
        "variables": given_values,
    }
    return PreparedEmail(frozen).build(**(arguments | changes))  # type: ignore[arg-type]


def rendered(source: str | None, given_values: dict[str, Scalar], *, is_html: bool) -> str:
    text = Renderer(parse_source((source or "").rstrip("\n") + "\n"), is_html=is_html, common={}).render(given_values)
    return text if text.endswith("\n") else text + "\n"


@pytest.mark.parametrize("frozen", [PLAIN, LOGIC], ids=["spliced", "rendered"])
@given(given_values=values)
def test_two_parsers_read_exactly_what_was_rendered(
    read_message: Reader, frozen: FrozenEmail, given_values: dict[str, Scalar]
) -> None:
    message = build(frozen, given_values)
    html, text = rendered(frozen.html, given_values, is_html=True), rendered(frozen.text, given_values, is_html=False)

    parsed = read_message(message)
    assert [part.get_content_type() for part in parsed.walk()] == ["multipart/alternative", "text/plain", "text/html"]
    assert [decoded(part) for part in parsed.iter_parts()] == [text, html]
    assert parsed["Subject"] == header_text(
        Renderer(parse_source(frozen.subject), is_html=False, common={}).render(given_values)
    )

    second = mailparser.parse_from_bytes(message)
    assert second.has_defects is False
    assert [same_characters(part[0]) for part in (second.text_plain, second.text_html)] == [
        same_characters(text),
        same_characters(html),
    ]
    assert second.from_ == [("Acme", "news@example.com")]
    assert second.to == [("", "anna@example.org")]


def same_characters(text: str) -> str:
    """Without what mail-parser changes of its own accord: Unicode's composed form, space at the ends, line ends."""
    return unicodedata.normalize("NFC", text.replace("\r\n", "\n")).strip()


def decoded(part: MIMEPart) -> str:
    payload = part.get_payload(decode=True)
    assert isinstance(payload, bytes)
    return payload.decode("utf-8").replace("\r\n", "\n")


@given(body=texts, given_values=values)
def test_splicing_says_what_the_engine_says_of_the_whole(body: str, given_values: dict[str, Scalar]) -> None:
    literal = "X" + clean_text(body).replace("{", "(")
    source = (
        literal
        + "{{ a }}"
        + literal
        + "{{ b|default('x=y') }}{{ a|upper }}\n{% if a > 1 %}{{ a }} {% endif %}"
        + literal
    )
    spliced = replace(PLAIN, html=source, text=None, subject="s")
    engine = replace(spliced, html="{{ '' -}}" + source)  # a trimming tag makes all of it one piece of logic
    both = [build(frozen, given_values).partition(b"\r\n\r\n")[2] for frozen in (spliced, engine)]
    assert quopri_decoded(both[0]) == quopri_decoded(both[1])


def quopri_decoded(body: bytes) -> bytes:
    return quopri.decodestring(body)


def test_a_message_has_the_headers_of_rfc_5322(read_message: Reader) -> None:
    frozen = replace(PLAIN, reply_to="help@example.com", subject="News")
    prepared = PreparedEmail(frozen, [("List-Unsubscribe", "<https://example.com/u?x=1>")])
    message = read_message(prepared.build(ID, "anna@example.org", "Anna", NOW, {}))
    assert dict(message.items()) | {"Content-Type": ""} == {
        "To": "Anna <anna@example.org>",
        "Date": "Mon, 23 Nov 2026 12:00:05 +0000",
        "Message-ID": "<01890000-0000-7000-8000-000000000042@example.com>",
        "From": "Acme <news@example.com>",
        "Reply-To": "help@example.com",
        "List-Unsubscribe": "<https://example.com/u?x=1>",
        "MIME-Version": "1.0",
        "Subject": "News",
        "Content-Type": "",
    }


def test_the_same_message_is_built_from_the_same_arguments_by_any_process() -> None:
    assert build(PLAIN, {"a": "x"}) == build(replace(PLAIN), {"a": "x"})


@pytest.mark.parametrize(("part", "content_type"), [("html", "text/plain"), ("text", "text/html")])
def test_a_content_with_one_body_is_a_single_part(read_message: Reader, part: str, content_type: str) -> None:
    message = read_message(build(replace(PLAIN, **{part: None}), {"a": "é"}))  # type: ignore[arg-type]
    assert message.get_content_type() == content_type
    assert not message.is_multipart()


def test_values_for_all_stand_in_for_missing_ones(read_message: Reader) -> None:
    message = read_message(
        build(replace(PLAIN, html=None, text="{{ a }}-{{ b }}", variables={"a": "é=", "b": 3}), {"a": ""})
    )
    assert decoded(message) == "é=-3\n"


def test_keys_are_those_of_subject_html_and_text() -> None:
    frozen = replace(PLAIN, subject="{{ s }}", html="{{ h.x }}", text="{% if t %}{% endif %}")
    assert PreparedEmail(frozen).keys == {"s", "h.x", "t"}


def test_an_international_domain_goes_out_in_a_labels() -> None:
    prepared = PreparedEmail(replace(PLAIN, from_email="news@bücher.example"))
    assert prepared.sender == "news@xn--bcher-kva.example"
    assert b"@xn--bcher-kva.example>" in prepared.build(ID, "a@bücher.example", None, NOW, {})


def test_a_recipient_that_is_no_address_is_refused() -> None:
    with pytest.raises(InvalidInput) as error:
        build(PLAIN, {}, recipient="a@example.com\r\nBcc: b@example.com")
    assert list(error.value.errors) == ["to_email"]
