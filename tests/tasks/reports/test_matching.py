"""Events that name a message by the provider's reference: matched, parked, given up."""

from collections.abc import Callable
from datetime import UTC, datetime
from uuid import UUID

import pytest
from sqlalchemy import text

from models.rules.ids import new_id
from models.rules.lifecycle import MessageState
from models.rules.reports import ReportKind
from models.store.callbacks import receive_events
from models.store.message_references import keep_references
from models.store.messages import Result
from tasks.providers.callbacks import ProviderEvent
from tasks.reports import matching
from tasks.reports.apply import apply_due
from tasks.reports.receiving import rows_of
from tests.support.callbacks import dropped, one, state
from tests.support.engine import Engine

PROVIDER = "acme:1"


@pytest.fixture
def engine(make_engine: Callable[..., Engine]) -> Engine:
    """Two people, to whom a message went out each; nobody reports anything by itself."""
    engine = make_engine(people=["silent+1", "silent+2"])
    engine.send(engine.planned())
    return engine


def _ids(engine: Engine) -> list[UUID]:
    with engine.database.transaction(None) as session:
        return list(session.execute(text("SELECT id FROM messages ORDER BY recipient")).scalars())


def _took(engine: Engine, refs: dict[UUID, str], provider: str = PROVIDER) -> None:
    results = [Result(id_, 0, MessageState.ACCEPTED, ref, known_by_ref=True) for id_, ref in refs.items()]
    with engine.database.transaction(None) as session:
        keep_references(session, engine.organization_id, provider, results)


def _came(engine: Engine, ref: str, recipient: str | None = None, provider: str = PROVIDER) -> None:
    now = datetime.now(UTC)
    event = ProviderEvent(f"{new_id()}", ReportKind.DELIVERED, now, provider_ref=ref, recipient=recipient)
    with engine.database.transaction(None) as session:
        receive_events(session, provider, None, now, rows_of([event], now).events, [])


def _states(engine: Engine) -> list[str]:
    return [state(engine.database, id_) for id_ in _ids(engine)]


def _it_is_time(engine: Engine, ago: str = "0 s") -> None:
    with engine.database.transaction(None) as session:
        values = {"ago": ago}
        session.execute(
            text("UPDATE incoming_events SET due_at = now(), received_at = received_at - cast(:ago AS interval)"),
            values,
        )


def test_a_reference_finds_its_message_whatever_is_said_of_the_recipient(engine: Engine) -> None:
    first, _ = _ids(engine)
    _took(engine, {first: "ref-1"})
    _came(engine, "ref-1", "Somebody.Else@EXAMPLE.com")
    apply_due(engine.database)
    assert _states(engine) == ["delivered", "accepted"]


def test_of_a_batch_the_recipient_tells_which_it_is(engine: Engine) -> None:
    _took(engine, dict.fromkeys(_ids(engine), "batch"))
    _came(engine, "batch", "SILENT+2@example.com")
    _came(engine, "batch")
    _came(engine, "batch", "nobody@example.com")
    apply_due(engine.database)
    assert _states(engine) == ["accepted", "delivered"]
    assert one(engine.database, "SELECT count(*) FROM incoming_events WHERE looks = 1") == 2


def test_another_accounts_reference_is_another(engine: Engine) -> None:
    _took(engine, {_ids(engine)[0]: "1"}, provider="acme:2")
    _came(engine, "1")
    apply_due(engine.database)
    assert _states(engine) == ["accepted", "accepted"]


def test_an_event_that_overtook_the_answer_waits_for_it(engine: Engine) -> None:
    _came(engine, "late")
    apply_due(engine.database)
    assert one(engine.database, "SELECT due_at > now() FROM incoming_events") is True
    _took(engine, {_ids(engine)[0]: "late"})
    _it_is_time(engine)
    apply_due(engine.database)
    assert (_states(engine), dropped(engine.database)) == (["delivered", "accepted"], {})


def test_it_waits_longer_each_time_and_is_given_up_after_an_hour(engine: Engine) -> None:
    _came(engine, "never")
    waits = []
    for _ in range(3):
        apply_due(engine.database)
        waits.append(float(one(engine.database, "SELECT extract(epoch FROM due_at - now()) FROM incoming_events")))
        _it_is_time(engine)
    assert [round(wait) for wait in waits] == [1, 2, 4]
    _it_is_time(engine, "1 h")
    apply_due(engine.database)
    assert one(engine.database, "SELECT count(*) FROM incoming_events") == 0
    assert dropped(engine.database) == {"unmatched": 1}


def test_no_more_are_kept_waiting_than_there_is_room_for(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(matching, "PARKED_MOST_REPORTS", 2)
    for no in range(4):
        _came(engine, f"unknown {no}")
    _came(engine, "unknown", provider="acme:2")  # another account has room of its own
    apply_due(engine.database)
    assert one(engine.database, "SELECT count(*) FROM incoming_events") == 3
    assert dropped(engine.database) == {"unmatched": 2}


def test_only_what_the_provider_knows_by_reference_costs_a_row(engine: Engine) -> None:
    first, second = _ids(engine)
    results = [Result(first, 0, MessageState.ACCEPTED, "a"), Result(second, 1, MessageState.FAILED, known_by_ref=True)]
    with engine.database.transaction(None) as session:
        keep_references(session, engine.organization_id, PROVIDER, results)
    assert one(engine.database, "SELECT count(*) FROM message_references") == 0
