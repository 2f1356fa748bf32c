"""The mailbox of bounces: a real conversation over IMAP, and what becomes of mails when it breaks."""

from collections.abc import Iterator
from uuid import UUID

import pytest
from sqlalchemy import text

from deployments.courier_bounces import BouncesThread
from models.errors import SetupError
from models.session import Database, Role
from models.settings import Settings
from tasks.bounces.imap_mailbox import MailboxAway, parse_mailbox_url, read_mailbox
from tasks.providers.return_paths import return_paths_of
from tasks.reports.apply import apply_due
from tests.support.bounces import postfix
from tests.support.callbacks import one
from tests.support.engine import Engine
from tests.support.imap_server import Mailbox, mailbox
from tests.support.outbox import singles, wait_until


@pytest.fixture
def imap() -> Iterator[Mailbox]:
    with mailbox() as server:
        yield server


@pytest.fixture
def engine(settings: Settings) -> Iterator[Database]:
    database = Database(settings, Role.ENGINE, pool_size=2)
    yield database
    database.close()


@pytest.fixture
def own(settings: Settings) -> Settings:
    return settings.with_values(bounce_address="bounces@bounces.example.com")


@pytest.fixture
def sent(engine: Database, own: Settings) -> UUID:
    """A message that is out."""
    [message] = singles(Engine.create(own, engine, contacts=1), "email", ["c0@example.com"])
    with engine.transaction(None) as session:
        session.execute(text("UPDATE messages SET state = 'accepted', sent_at = now()"))
    return message


def _bounce(own: Settings, message: UUID, **values: str) -> bytes:
    return postfix(path=return_paths_of(own).address_of(message), **values)


def _read(engine: Database, own: Settings, url: str) -> int:
    return read_mailbox(engine, return_paths_of(own), parse_mailbox_url(url))


def test_a_bounce_in_the_mailbox_suppresses_and_is_marked_as_seen(imap, engine, own, sent) -> None:
    imap.deliver(_bounce(own, sent), b"Subject: an invoice\r\n\r\nPlease pay\r\n")
    assert _read(engine, own, imap.url) == 2
    assert [mail.flags for mail in imap.folders["INBOX"]] == [{"\\Seen"}] * 2
    assert _read(engine, own, imap.url) == 0
    apply_due(engine)
    assert one(engine, "SELECT state FROM messages") == "bounced"
    assert one(engine, "SELECT recipient || ' ' || reason FROM suppressions") == "c0@example.com hard_bounce"


@pytest.mark.parametrize("moves", [True, False], ids=["MOVE", "COPY"])
def test_mails_that_were_read_are_moved_where_that_is_asked_for(engine, own, sent, moves) -> None:
    with mailbox(moves=moves) as imap:
        imap.deliver(_bounce(own, sent))
        assert _read(engine, own, imap.url + "?move=Done") == 1
        assert (len(imap.folders["INBOX"]), len(imap.folders["Done"])) == (0, 1)


@pytest.mark.parametrize("command", ["UID FETCH", "UID STORE"])
def test_a_conversation_that_breaks_loses_no_mail_and_counts_none_twice(imap, engine, own, sent, command) -> None:
    imap.deliver(_bounce(own, sent, status="4.2.2"))
    imap.breaks_at = command
    with pytest.raises(MailboxAway):
        _read(engine, own, imap.url)
    assert imap.folders["INBOX"][0].flags == set()
    assert _read(engine, own, imap.url) == 1
    apply_due(engine)
    assert one(engine, "SELECT count(*) FROM events") == 1


def test_what_is_not_committed_is_not_marked(imap, engine, own, sent, monkeypatch) -> None:
    imap.deliver(_bounce(own, sent))

    def away(*_: object, **__: object) -> None:
        raise ConnectionAbortedError

    monkeypatch.setattr("tasks.bounces.receiving.receive_events", away)
    with pytest.raises(MailboxAway):
        _read(engine, own, imap.url)
    assert imap.folders["INBOX"][0].flags == set()


def test_a_wrong_password_or_folder_is_no_stack_trace(imap, engine, own) -> None:
    for url in (
        imap.url.replace("pass%20word", "other"),
        imap.url.replace("INBOX", "Nowhere"),
        "imap://u:p@127.0.0.1:9",
    ):
        with pytest.raises(MailboxAway) as caught:
            _read(engine, own, url)
        assert "pass word" not in str(caught.value)


def test_the_courier_reads_it_in_a_thread_of_its_own(imap, engine, own, sent) -> None:
    imap.deliver(_bounce(own, sent))
    thread = BouncesThread(engine, own.with_values(bounce_imap_url=imap.url))
    thread.start()
    wait_until(lambda: "LOGOUT" in imap.commands)
    thread.stop()
    assert one(engine, "SELECT count(*) FROM incoming_events") == 1


@pytest.mark.parametrize(
    "url",
    [
        "pop3://user:secret@mail.example.com",
        "imaps://mail.example.com",
        "imaps://user@mail.example.com",
        "imap://user:secret@mail.example.com",
        "imaps://user:secret@mail.example.com:99999",
        "imaps://user:secret@mail.example.com?delete=yes",
        "imaps://user:secret%0d%0aA1@mail.example.com",
        "imaps://user:secret@",
    ],
)
def test_an_address_that_cannot_be_used_is_said_without_its_password(url: str) -> None:
    with pytest.raises(SetupError, match="EXOSEND_BOUNCE_IMAP_URL") as caught:
        parse_mailbox_url(url)
    assert "secret" not in str(caught.value)


def test_an_address_has_defaults_and_shows_no_password() -> None:
    address = parse_mailbox_url("imaps://user%40example.com:secret@mail.example.com/Bounces%2F2026?move=Done")
    assert (address.user, address.port, address.folder, address.move) == (
        "user@example.com",
        993,
        "Bounces/2026",
        "Done",
    )
    assert "secret" not in repr(address)
