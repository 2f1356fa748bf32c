"""A provider that lets nobody in is left alone by all senders, and no message pays for it."""

from dataclasses import dataclass, field

import pytest
from sqlalchemy import text

from models.rules.circuit import OPEN_AFTER, PROBE_MESSAGES
from models.store.loose_ends import orphaned_runs
from tasks.providers.base import LATE, Capabilities, Outcome, OutcomeKind
from tasks.sending.circuit import Reading, pause_asked_for, read_outcomes
from tasks.sending.outbox_journal import OutboxJournal
from tests.support.outbox import message_states, sending, singles, wait_until

AWAY = Outcome(OutcomeKind.UNSENT, code="connection", detail="Mail server: refused", retry_after_seconds=30.0)
YES = Outcome(OutcomeKind.ACCEPTED, provider_ref="r")
SLOW_DOWN = Outcome(OutcomeKind.DEFERRED, code="429", retry_after_seconds=60.0)


@dataclass
class Provider:
    """Says the same to everybody, and remembers the sizes of windows."""

    answer: Outcome = AWAY
    name: str = "fake"
    capabilities: Capabilities = field(default_factory=lambda: Capabilities(500, False, 1.0))
    windows: list[int] = field(default_factory=list)

    async def send(self, messages, until=None):
        self.windows.append(len(messages))
        return [self.answer] * len(messages)

    def abort(self):
        pass

    async def close(self):
        pass


@pytest.fixture
def provider(monkeypatch) -> Provider:
    found = Provider()
    monkeypatch.setattr("tasks.sending.open_routes.open_provider", lambda *_: found)
    return found


def _pause_is_over(engine) -> None:
    with engine.database.transaction(None) as session:
        session.execute(text("UPDATE provider_circuits SET open_until = now() WHERE open_until IS NOT NULL"))
        session.execute(text("UPDATE provider_circuits SET throttled_until = now()"))
        session.execute(text("UPDATE runs SET rest_until = NULL, alive_at = '2000-01-01'"))


def _tries(engine, run) -> list[int]:
    with engine.database.transaction(None) as session:
        return list(
            session.execute(text("SELECT DISTINCT tries FROM messages WHERE run_id = :r"), {"r": run.id}).scalars()
        )


def _orphans(engine) -> list:
    with engine.database.transaction(None) as session:
        session.execute(text("UPDATE runs SET alive_at = '2000-01-01'"))
        return [each.run_id for each in orphaned_runs(session, idle_seconds=30)]


def test_after_some_windows_nobody_tries_any_more_and_no_try_is_counted(make_engine, provider):
    engine = make_engine(contacts=400, chunk_size=100)
    run, other = engine.planned(batch_size=20), engine.planned(batch_size=20)
    engine.send(run)
    assert provider.windows == [20] * OPEN_AFTER
    engine.send(other)
    assert provider.windows == [20] * OPEN_AFTER, "Another sender, which shares nothing but Postgres, tries neither."
    assert engine.states(run) == {"deferred": 20 * OPEN_AFTER, "planned": 400 - 20 * OPEN_AFTER}
    assert engine.states(other) == {"planned": 400}
    assert _tries(engine, run) == [0]
    assert _orphans(engine) == [], "No sender is started while the provider is left alone."


def test_one_small_window_tries_and_a_success_lets_everybody_go_on(make_engine, provider):
    engine = make_engine(contacts=300, chunk_size=100)
    run = engine.planned(batch_size=50)
    engine.send(run)
    _pause_is_over(engine)
    engine.send(run)
    assert provider.windows[OPEN_AFTER:] == [PROBE_MESSAGES], "It failed: the next pause begins."
    _pause_is_over(engine)
    assert _orphans(engine) == [run.id]
    provider.answer = YES
    engine.send(run)
    assert provider.windows[OPEN_AFTER + 1] == PROBE_MESSAGES
    engine.make_retries_due(run)
    while engine.requeue(run):
        engine.send(run)
    assert engine.states(run) == {"accepted": 300}
    assert engine.close(run) is not None
    with engine.database.transaction(None) as session:
        assert session.execute(text("SELECT count(*) FROM provider_circuits")).scalar_one() == 0


def test_a_429_pauses_it_for_everybody_as_long_as_it_asks(make_engine, provider):
    engine = make_engine(contacts=100, chunk_size=50)
    provider.answer = SLOW_DOWN
    run, other = engine.planned(batch_size=10), engine.planned(batch_size=10)
    engine.send(run)
    assert provider.windows == [10]
    engine.send(other)
    assert provider.windows == [10]
    with engine.database.transaction(None) as session:
        waits = session.execute(text("SELECT extract(epoch FROM rest_until - now()) FROM runs")).scalars()
        assert all(50 < wait <= 60 for wait in waits)
    _pause_is_over(engine)
    provider.answer = YES
    engine.send(other)
    assert engine.states(other) == {"accepted": 100}


def test_single_messages_wait_in_the_outbox_until_one_small_window_got_through(make_engine, provider, monkeypatch):
    engine = make_engine(contacts=1)
    with sending(engine, "email"):
        for number in range(OPEN_AFTER):
            singles(engine, "email", [f"{number}@example.com"])
            wait_until(lambda: len(provider.windows) > number)  # noqa: B023
            wait_until(lambda: message_states(engine)["planned"] == 0)
    waiting = [f"w{i}@example.com" for i in range(3 * PROBE_MESSAGES)]
    singles(engine, "email", waiting)
    looks = []
    claim = OutboxJournal.claim
    monkeypatch.setattr(OutboxJournal, "claim", lambda *values: (claim(*values), looks.append(1))[0])
    with sending(engine, "email"):
        wait_until(lambda: len(looks) > 3)
    assert provider.windows == [1] * OPEN_AFTER
    assert message_states(engine) == {"deferred": OPEN_AFTER, "planned": len(waiting)}
    _pause_is_over(engine)
    provider.answer = YES
    with sending(engine, "email"):
        wait_until(lambda: message_states(engine)["accepted"] == len(waiting))
    assert provider.windows[OPEN_AFTER] == PROBE_MESSAGES


@pytest.mark.parametrize(
    ("outcomes", "reading"),
    [
        ([], Reading.NOTHING),
        ([AWAY, AWAY], Reading.FAILS),
        ([AWAY, YES], Reading.WORKS),
        ([Outcome(OutcomeKind.REJECTED, code="5.1.1"), AWAY], Reading.WORKS),
        ([Outcome(OutcomeKind.DEFERRED, code="451")], Reading.WORKS),
        ([Outcome(OutcomeKind.DEFERRED, code="connection")], Reading.FAILS),
        ([Outcome(OutcomeKind.DEFERRED, code="503")] * 2, Reading.FAILS),
        ([Outcome(OutcomeKind.UNCERTAIN, code="502")], Reading.FAILS),
        ([Outcome(OutcomeKind.UNSENT, code="account")], Reading.FAILS),
        ([Outcome(OutcomeKind.DEFERRED, code="429")], Reading.WORKS),
        ([Outcome(OutcomeKind.UNCERTAIN, code="timeout")] * 2, Reading.FAILS),
        ([Outcome(OutcomeKind.UNCERTAIN, code="aborted")], Reading.NOTHING),
        ([Outcome(OutcomeKind.UNSENT, code=LATE)], Reading.NOTHING),
        ([Outcome(OutcomeKind.UNSENT, code="421"), Outcome(OutcomeKind.UNSENT, code="aborted")], Reading.FAILS),
        ([Outcome(OutcomeKind.UNCERTAIN, detail="The provider's code failed.")], Reading.NOTHING),
    ],
)
def test_what_a_window_says_of_the_provider(outcomes, reading):
    assert read_outcomes(outcomes) is reading


def test_only_a_refusal_for_now_with_a_time_is_a_wish_to_be_left_alone():
    assert pause_asked_for([YES, SLOW_DOWN, Outcome(OutcomeKind.DEFERRED, code="421", retry_after_seconds=7.0)]) == 60.0
    assert pause_asked_for([Outcome(OutcomeKind.DEFERRED, code="503", retry_after_seconds=8.0)]) == 8.0
    assert pause_asked_for([AWAY, Outcome(OutcomeKind.DEFERRED, code="451", retry_after_seconds=9.0)]) == 0.0
