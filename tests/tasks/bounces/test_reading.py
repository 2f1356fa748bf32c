"""What mails say: bounces of several servers, complaints, and what is neither or is made up."""

from datetime import UTC, datetime
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.rules.reports import ReportKind
from models.rules.return_paths import ReturnPaths
from tasks.bounces.reading import Read, read_mail
from tests.support.bounces import MESSAGE, PATHS, mail, postfix

NOW = datetime(2026, 1, 12, 9, 0, tzinfo=UTC)
PATH = PATHS.address_of(MESSAGE)


def _read(content: bytes, recipient: str | None = None) -> Read:
    return read_mail(content, PATHS, NOW, recipient)


@pytest.mark.parametrize(
    ("content", "kind", "code"),
    [
        (postfix(path=PATH), "hard", "5.1.1"),
        (postfix(path=PATH, status="4.4.1", diagnostic="connection timed out"), "soft", "4.4.1"),
        (postfix(path=PATH, status="5.7.1", diagnostic="554 5.7.1 listed as spam"), "soft", "5.7.1"),
        (mail("exim", PATH), "hard", "5.0.0"),
        (mail("exchange", PATH), "soft", "5.2.2"),
        (mail("gmail", PATH), "hard", "5.1.1"),
        (mail("qmail", PATH), "hard", "5.1.1"),
    ],
    ids=["postfix", "postfix 4xx", "postfix policy", "exim", "exchange", "gmail", "qmail"],
)
def test_a_bounce_says_whether_the_address_is_gone(content: bytes, kind: str, code: str) -> None:
    event = _read(content).event
    assert event is not None
    assert (event.kind, event.message_id) == (ReportKind.BOUNCED, MESSAGE)
    assert (event.payload["bounce_type"], event.payload["code"]) == (kind, code)
    assert event.occurred_at == datetime(2026, 1, 12, 8, 0, 5, tzinfo=UTC)


def test_the_reason_is_the_servers_own_words() -> None:
    event = _read(mail("gmail", PATH)).event
    assert event is not None
    assert event.payload["reason"] == (
        "550-5.1.1 The email account that you tried to reach does not exist. 550 5.1.1 Please try double-checking"
    )


@pytest.mark.parametrize(
    ("kind", "expected"),
    [("abuse", ReportKind.COMPLAINED), ("fraud", ReportKind.COMPLAINED), ("opt-out", ReportKind.UNSUBSCRIBED)],
)
def test_a_feedback_loop_reports_complaints_and_farewells(kind: str, expected: ReportKind) -> None:
    event = _read(mail("complaint", PATH, kind=kind)).event
    assert event is not None
    assert (event.kind, event.message_id) == (expected, MESSAGE)


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (postfix(path=PATH, action="delayed", status="4.4.1"), "Nothing is final: delayed."),
        (postfix(path=PATH, action="relayed", status="2.0.0"), "Nothing is final: relayed."),
        (mail("complaint", PATH, kind="not-spam"), "It is feedback of the type 'not-spam', which changes nothing."),
        (mail("out_of_office", PATH), "It is an automatic reply."),
        (mail("out_of_office", PATH).replace(b"Auto-Submitted", b"X-Was"), "It is no bounce that can be read."),
        (b"", "It names no return path of ours."),
    ],
)
def test_what_changes_nothing_is_left_alone(content: bytes, what: str) -> None:
    assert _read(content) == Read(what)


def test_a_delivery_that_is_reported_is_one() -> None:
    event = _read(postfix(path=PATH, action="delivered", status="2.0.0")).event
    assert event is not None
    assert event.kind is ReportKind.DELIVERED


def test_a_bounce_that_anybody_could_write_is_not_believed() -> None:
    """Who got one message of a run knows the ids of all others, and their Message-IDs; not their tags."""
    neighbour = UUID(int=MESSAGE.int + 1)
    tag = PATH.partition(".")[2]
    for made_up in (
        f"bounces+{neighbour.hex}.{tag}",
        f"bounces+{MESSAGE.hex}.{'0' * 16}@bounces.example.com",
        "news@acme.example.com",
        PATH.replace("bounces.example.com", "bounces.example.org"),
        ReturnPaths(PATHS.address, ["another key"]).address_of(MESSAGE),
    ):
        assert _read(postfix(path=made_up)) == Read("It names no return path of ours.")


def test_the_envelopes_recipient_decides_and_two_messages_are_not_guessed_at() -> None:
    other = UUID(int=MESSAGE.int + 1)
    both = postfix(path=PATH) + PATHS.address_of(other).encode()
    assert _read(both) == Read("It names several messages.")
    event = _read(both, recipient=PATHS.address_of(other).upper()).event
    assert event is not None
    assert event.message_id == other


def test_a_path_of_an_older_secret_key_holds() -> None:
    rotated = ReturnPaths(PATHS.address, ["the new one", *PATHS.keys])
    assert read_mail(postfix(path=PATH), rotated, NOW).event is not None
    assert rotated.address_of(MESSAGE) != PATH


def test_a_path_in_an_encoded_part_is_found() -> None:
    encoded = mail("qmail", PATH).replace(
        b"Subject: failure", b"Content-Transfer-Encoding: quoted-printable\r\nSubject: failure"
    )
    encoded = encoded.replace(b"To: " + PATH.encode(), b"To: undisclosed").replace(b"bounces+", b"bounces=2B")
    event = _read(encoded).event
    assert event is not None
    assert event.message_id == MESSAGE


def test_the_same_bounce_has_the_same_key_by_whatever_way_it_comes() -> None:
    first, again = postfix(path=PATH), b"Received: by another way\r\n" + postfix(path=PATH)
    one, two = _read(first).event, _read(again).event
    assert one is not None
    assert two is not None
    assert one.key == two.key


_SAMPLES = [
    postfix(path=PATH),
    *(mail(each, PATH) for each in ("exim", "exchange", "gmail", "qmail")),
    mail("complaint", PATH, kind="abuse"),
]


@settings(max_examples=150)
@given(st.sampled_from(_SAMPLES), st.lists(st.tuples(st.integers(0, 3000), st.binary(max_size=40)), max_size=8))
def test_a_mail_that_is_damaged_never_ends_the_reader(sample: bytes, damage: list[tuple[int, bytes]]) -> None:
    content = bytearray(sample)
    for place, junk in damage:
        content[place : place + len(junk)] = junk
    event = _read(bytes(content)).event
    assert event is None or event.message_id == MESSAGE


def test_a_mail_of_parts_within_parts_is_read_in_bounded_time() -> None:
    deep = b"".join(b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (no, no) for no in range(3000))
    assert _read(deep + PATH.encode()).event is None
