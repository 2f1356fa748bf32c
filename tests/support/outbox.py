"""Messages in the outbox, and what sends them, for tests of the engine."""

import contextlib
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from uuid import UUID

import uvloop
from sqlalchemy import text

from models.rules.lifecycle import RunKind
from models.store.contents import store_content
from models.store.outgoing import NewMessage
from tasks.content.sms import FrozenSms
from tasks.runs.accept_messages import Accepted, accept_run, accept_single
from tasks.runs.reconcile import reconcile
from tasks.sending.outbox import OutboxSender
from tests.support.engine import DOMAIN, Engine

CENT = Decimal("0.01")
_PATIENCE_SECONDS = 120.0  # a long trial beside four others


def content(engine: Engine, channel: str, words: str = "Hello") -> UUID:
    """A content of a message that is no campaign's."""
    with engine.database.transaction(engine.organization_id) as session:
        if channel == "sms":
            frozen = FrozenSms(words, "ACME")
            values = {"channel": "sms", "text": words, "sender_id": "ACME"}
            return store_content(session, engine.organization_id, frozen.hash, values)
        values = {"subject": words, "text": words, "from_email": f"news@{DOMAIN}"}
        return store_content(session, engine.organization_id, words.encode().ljust(32), values)


def _messages(engine: Engine, channel: str, recipients: Sequence[str], words: str) -> list[NewMessage]:
    content_id = content(engine, channel, words)
    return [NewMessage(recipient, content_id, CENT, segments=1) for recipient in recipients]


def singles(engine: Engine, channel: str, recipients: Sequence[str], words: str = "Hello") -> list[UUID]:
    """Single messages, accepted as the API does it."""
    with engine.database.transaction(engine.organization_id) as session:
        return [
            accept_single(session, engine.organization_id, channel, message).message_id
            for message in _messages(engine, channel, recipients, words)
        ]


def small_run(engine: Engine, kind: RunKind, recipients: Sequence[str], words: str = "Hello") -> Accepted:
    """A bulk of SMS or a batch of email."""
    channel = "sms" if kind is RunKind.BULK else "email"
    with engine.database.transaction(engine.organization_id) as session:
        messages = _messages(engine, channel, recipients, words)
        return accept_run(session, engine.organization_id, kind, messages, engine.settings)


@contextlib.contextmanager
def sending(engine: Engine, channel: str) -> Iterator[OutboxSender]:
    """A sender of the outbox at work, ended at the end."""
    sender = OutboxSender(engine.database, engine.settings, channel, who="test")
    thread = threading.Thread(target=lambda: uvloop.run(sender.run()))
    thread.start()
    try:
        yield sender
    finally:
        sender.stop()
        thread.join(timeout=_PATIENCE_SECONDS)
        assert not thread.is_alive(), "The sender hangs."


def send_everything(engine: Engine, channel: str) -> None:
    """Send until nothing is due."""
    with sending(engine, channel):
        wait_until(lambda: due(engine) == 0)


def wait_until(condition: Callable[[], bool]) -> None:
    """Look until it holds. AssertionError after two minutes."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, "It did not come to that."
        time.sleep(0.01)


def count(engine: Engine, statement: str) -> int:
    """The number that a statement selects."""
    with engine.database.transaction(None) as session:
        return int(session.execute(text(statement)).scalar_one())


def due(engine: Engine) -> int:
    """Rows of the outbox that are due or claimed."""
    return count(engine, "SELECT count(*) FROM outbox WHERE due_at <= now()")


def message_states(engine: Engine) -> Counter[str]:
    """States of all messages there are."""
    with engine.database.transaction(None) as session:
        return Counter(session.execute(text("SELECT state FROM messages")).scalars())


def check_money(engine: Engine) -> None:
    """Every cent: the ledger adds up to the balance, and what no provider has was refunded or will be."""
    with engine.database.transaction(None) as session:
        row = session.execute(
            text("""
                SELECT (SELECT sum(amount) FROM ledger_entries) AS ledger,
                       (SELECT coalesce(sum(cost), 0) FROM messages
                        WHERE run_id IS NULL AND state IN ('failed', 'suppressed')) AS undelivered,
                       (SELECT coalesce(sum(amount), 0) FROM ledger_entries
                        WHERE kind = 'refund' AND message_id IS NOT NULL) AS refunded
            """)
        ).one()
    assert row.ledger == engine.balance()
    assert row.undelivered == row.refunded
    reconciled = reconcile(engine.database)
    assert reconciled.is_clean, reconciled.summary
