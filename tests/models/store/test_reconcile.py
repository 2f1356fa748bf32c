"""Each law is broken on purpose, and named; what goes on as it should breaks none."""

from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest

from models.session import Database, Role, driver
from models.settings import Settings
from models.store.reconcile import LAWS, compare, span_of
from tasks.runs.reconcile import reconcile
from tests.support.books import check_books, full_books
from tests.support.engine import Engine

_ENDED = "(SELECT id FROM runs WHERE state = 'completed' AND kind = 'campaign' ORDER BY id LIMIT 1)"
_PLANNED = "(SELECT run_id FROM chunks WHERE state = 'ready')"

# What is done to the truth → the laws that must say so, and no other.
_BREAKS = {
    "UPDATE organizations SET balance = balance + 1": "ledger_sum ledger_last",
    "UPDATE ledger_entries SET amount = amount + 1 WHERE kind = 'topup'": "ledger_sum ledger_steps",
    "UPDATE ledger_entries SET balance_after = balance_after + 1 WHERE kind = 'topup'": "ledger_steps",
    "UPDATE runs SET held = held + 1 WHERE state = 'queued'": "holds",
    f"UPDATE ledger_entries SET run_id = {_PLANNED} WHERE run_id = {_ENDED} AND kind = 'release'": "holds",
    f"UPDATE ledger_entries SET run_id = {_PLANNED} WHERE run_id = {_ENDED} AND kind = 'charge'": "charges",
    "UPDATE ledger_entries SET run_id = gen_random_uuid() WHERE run_id IS NOT NULL AND kind = 'charge'": "charges",
    f"UPDATE ledger_entries SET run_id = {_PLANNED} WHERE run_id = {_ENDED} AND kind = 'refund'": "refunds",
    f"UPDATE runs SET refunded = 0 WHERE id = {_ENDED}": "refunds run_settled",
    f"UPDATE messages SET cost = cost + 1 WHERE run_id = {_PLANNED}": "run_cost",
    "UPDATE messages SET cost = cost + 1 WHERE run_id IS NULL AND state = 'accepted'": "singles",
    "UPDATE messages SET cost = cost + 1 WHERE run_id IS NULL AND state = 'failed'": "",
    "UPDATE ledger_entries SET message_id = NULL WHERE kind = 'refund' AND run_id IS NULL": "singles",
    f"UPDATE runs SET total_recipients = total_recipients - 1 WHERE id = {_ENDED}": "run_recipients",
    "UPDATE runs SET total_segments = total_segments + 1 WHERE total_segments > 0": "run_recipients",
    **{
        f"UPDATE chunks SET {counter} = {counter} + 1 WHERE run_id = {_ENDED}": "chunk_counters"
        for counter in ("accepted", "failed", "suppressed", "cancelled", "uncertain", "deferred", "refundable")
    },
    **{
        f"UPDATE runs SET total_{name} = total_{name} + 1 WHERE id = {_PLANNED}": "run_totals"
        for name in ("delivered", "opened", "clicked", "bounced", "complained", "unsubscribed")
    },
    "UPDATE daily_counts SET sent = sent + 1": "daily_counts",
    "DELETE FROM daily_counts WHERE channel = 'sms'": "daily_counts",
    "UPDATE messages SET clicked_at = NULL WHERE clicked_at IS NOT NULL": "daily_counts run_totals",
    "UPDATE run_links SET clicks = clicks + 1": "run_links",
    "DELETE FROM run_links": "run_links",
    "UPDATE run_clients SET messages = messages + 1": "run_clients",
    "DELETE FROM dropped_recipients": "dropped_recipients",
    "DELETE FROM contacts WHERE email = 'ada@example.com'": "contacts list_members",
    "UPDATE contact_lists SET contacts_count = 0": "list_members",
    "UPDATE sender_ids SET message_count = 0": "sender_messages",
    "DELETE FROM outbox": "waiting_messages",
    f"UPDATE chunks SET state = 'done' WHERE run_id = {_PLANNED}": "waiting_messages",
    "UPDATE deferrals SET position = position + 1": "waiting_messages deferrals",
    f"INSERT INTO deferrals SELECT id, 0, organization_id, now() FROM runs WHERE id = {_PLANNED}": (
        "deferrals chunk_counters"
    ),
    "INSERT INTO outbox (message_id, organization_id, channel) SELECT id, organization_id, channel FROM messages"
    " WHERE run_id IS NULL AND state <> 'planned'": "outbox",
    f"UPDATE chunks SET state = 'ready', recorded = cursor WHERE run_id = {_ENDED}": "ended_runs",
    f"UPDATE runs SET state = 'cancelled', finished_at = now() WHERE id = {_PLANNED}": ("ended_runs campaign_runs"),
    f"INSERT INTO deferrals SELECT id, 99, organization_id, now() FROM runs WHERE id = {_ENDED}": (
        "ended_runs deferrals chunk_counters"
    ),
    "UPDATE campaigns SET status = 'paused' WHERE status = 'completed'": "campaign_runs",
    "UPDATE events SET message_id = gen_random_uuid() WHERE kind = 'unsubscribed'": "events",
    "UPDATE events SET run_id = NULL": "events",
    "INSERT INTO incoming_events (id, organization_id, provider, key, message_id, kind, occurred_at, due_at)"
    " SELECT gen_random_uuid(), id, 'test', 'k', id, 'opened', now(), now() - interval '2 hours' FROM organizations": (
        "incoming_events"
    ),
}


@pytest.fixture
def owner(settings: Settings, owner_url: str) -> Iterator[Database]:
    """Connections as the role that may change what is append-only."""
    database = Database(settings.with_values(engine_database_url=owner_url), Role.ENGINE, pool_size=1)
    yield database
    database.close()


@pytest.fixture
def books(make_engine: Callable[..., Engine]) -> Engine:
    return full_books(make_engine)


def test_what_goes_on_as_it_should_breaks_no_law(books: Engine) -> None:
    check_books(books.database)
    check_books(books.database, books.organization_id)


def test_every_law_looks_at_something_and_is_broken_by_a_test(books: Engine) -> None:
    reconciled = reconcile(books.database)
    assert [result.law.name for result in reconciled.results if not result.comparisons] == []
    broken = {name for names in _BREAKS.values() for name in names.split()}
    assert broken == {law.name for law in LAWS}


class _UndoError(Exception):
    """Ends a transaction without a trace."""


def _broken_by(owner: Database, books: Engine, statement: str) -> tuple[int, set[str]]:
    """How many rows the statement changes, and the laws that do not hold then."""
    found = set()
    changed = 0
    with suppress(_UndoError), owner.transaction(None) as session:
        changed = driver(session).execute(statement).rowcount  # type: ignore[arg-type]
        span = span_of(session, books.organization_id, days=35)
        for law in LAWS:
            compared = compare(session, law, books.organization_id, span, shown=10, seconds=60)
            assert len(compared.differences) == min(10, compared.differing)
            found |= {law.name} if compared.differing else set()
        raise _UndoError
    return changed, found


def test_each_law_is_named_where_it_is_broken_and_no_other_is(books: Engine, owner: Database) -> None:
    wrong = {}
    for statement, names in _BREAKS.items():
        changed, found = _broken_by(owner, books, statement)
        if not changed or found != set(names.split()):
            wrong[statement] = (changed, found)
    assert not wrong
    check_books(books.database)
