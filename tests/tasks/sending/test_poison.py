"""A recipient who breaks what sends to them costs nobody else their message, and stops nothing."""

import asyncio
from collections import Counter
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text

from models.errors import IllegalState
from models.rules.guards import DEATHS_IN_A_ROW
from models.rules.ids import new_id
from models.store import chunks
from tasks.providers.base import Capabilities, Outcome, OutcomeKind, OutgoingMessage
from tasks.runs.control import resume_campaign
from tasks.runs.guard import pause_failing
from tasks.sending.handing_over import hand_over
from tasks.sending.windows import careful_size


class Provider:
    """Its code fails at some recipients, after it has handed over those before them."""

    name = "fake"

    def __init__(self, poison: set[str], *, idempotent: bool) -> None:
        self.capabilities = Capabilities(500, idempotent, 1.0)
        self.poison = poison
        self.got: Counter[str] = Counter()
        self.ids: set[object] = set()
        self.windows: list[int] = []

    async def send(self, messages, until=None):
        self.windows.append(len(messages))
        for message in messages:
            if message.recipient in self.poison:
                raise ZeroDivisionError
            if not self.capabilities.idempotent or message.id not in self.ids:
                self.got[message.recipient] += 1
            self.ids.add(message.id)
        return [Outcome(OutcomeKind.ACCEPTED, provider_ref="r") for _ in messages]

    def abort(self):
        pass

    async def close(self):
        pass


def _use(monkeypatch, provider):
    monkeypatch.setattr("tasks.sending.open_routes.open_provider", lambda *_: provider)
    return provider


def test_a_provider_that_knows_ids_finds_the_one_message_it_stumbles_over(make_engine, monkeypatch):
    engine = make_engine(contacts=120)
    provider = _use(monkeypatch, Provider({"c30@example.com", "c77@example.com"}, idempotent=True))
    run = engine.planned(batch_size=60)
    engine.send(run)
    assert engine.states(run) == {"accepted": 118, "uncertain": 2}
    assert engine.close(run) is not None
    engine.check_invariants(run, provider.got)
    with engine.database.transaction(None) as session:
        found = session.execute(text("SELECT recipient, error_code FROM messages WHERE state = 'uncertain'")).all()
    assert {tuple(row) for row in found} == {("c30@example.com", "poison"), ("c77@example.com", "poison")}


def test_of_a_provider_that_does_not_one_window_is_uncertain_and_the_rest_goes_out(make_engine, monkeypatch):
    engine = make_engine(contacts=120)
    provider = _use(monkeypatch, Provider({"c30@example.com"}, idempotent=False))
    run = engine.planned(batch_size=20)
    engine.send(run)
    assert engine.states(run) == {"accepted": 100, "uncertain": 20}
    assert provider.windows == [20] * 6, "What may be out already is not sent again."
    engine.check_invariants(run, provider.got)


@given(st.integers(1, 200), st.sets(st.integers(0, 199), max_size=3), st.booleans())
def test_every_message_has_an_outcome_and_nobody_gets_it_twice(size, poison, idempotent):
    provider = Provider({str(no) for no in poison}, idempotent=idempotent)
    messages = [OutgoingMessage(new_id(), "s@example.com", str(no), b"") for no in range(size)]
    outcomes = asyncio.run(hand_over(provider, messages, float("inf")))
    assert len(outcomes) == size
    assert max(provider.got.values(), default=0) <= 1
    for message, outcome in zip(messages, outcomes, strict=True):
        if outcome.kind is OutcomeKind.ACCEPTED:
            assert provider.got[message.recipient] == 1
        else:
            assert outcome.kind is OutcomeKind.UNCERTAIN
    if idempotent:
        bad = {m.recipient for m, o in zip(messages, outcomes, strict=True) if o.kind is not OutcomeKind.ACCEPTED}
        assert bad == {str(no) for no in poison if no < size}


def test_a_provider_that_fails_at_everything_is_not_asked_for_ever():
    provider = Provider({str(no) for no in range(500)}, idempotent=True)
    messages = [OutgoingMessage(new_id(), "s@example.com", str(no), b"") for no in range(500)]
    outcomes = asyncio.run(hand_over(provider, messages, float("inf")))
    assert {outcome.kind for outcome in outcomes} == {OutcomeKind.UNCERTAIN}
    assert len(provider.windows) < 100


def _a_sender_dies(engine, run):
    """It has claimed the chunk, and moved the cursor past one window as large as it may be."""
    with engine.database.transaction(None) as session:
        lease = chunks.claim_chunk(session, run.id, engine.run(run).epoch, who="dying", lease_seconds=15)
        assert lease is not None
        cursor = min(lease.size, lease.cursor + careful_size(64, lease.takeovers))
        chunks.advance(session, lease, cursor=cursor, counts=chunks.Counts())
    engine.expire_leases(run)
    return cursor - lease.cursor


def test_senders_that_die_with_the_same_messages_doubt_fewer_each_time(make_engine, monkeypatch):
    engine = make_engine(contacts=300)
    provider = _use(monkeypatch, Provider(set(), idempotent=False))
    run = engine.planned(batch_size=64)
    assert [_a_sender_dies(engine, run) for _ in range(6)] == [64, 16, 4, 1, 1, 1]
    engine.send(run)
    assert engine.states(run) == {"accepted": 300 - 87, "uncertain": 87}
    assert set(provider.windows) == {1}
    assert engine.close(run) is not None
    engine.check_invariants(run, provider.got)


def test_one_recorded_answer_and_the_next_sender_is_as_bold_as_before(make_engine, monkeypatch):
    engine = make_engine(contacts=300)
    provider = _use(monkeypatch, Provider(set(), idempotent=False))
    run = engine.planned(batch_size=64)
    for _ in range(2):
        _a_sender_dies(engine, run)
    looks: list[int] = []
    engine.send(run, stop=lambda: len(looks) > 5 or bool(looks.append(1)))
    assert set(provider.windows) == {4}
    provider.windows.clear()
    engine.send(run)
    assert provider.windows[0] == 64


def test_a_campaign_whose_senders_die_all_the_time_pauses_itself(make_engine, monkeypatch):
    engine = make_engine(contacts=300)
    _use(monkeypatch, Provider(set(), idempotent=False))
    run = engine.planned(batch_size=64)
    for _ in range(DEATHS_IN_A_ROW):
        _a_sender_dies(engine, run)
        assert pause_failing(engine.database) == []
    with engine.database.transaction(None) as session:  # the next sender takes over
        assert chunks.claim_chunk(session, run.id, 1, who="next", lease_seconds=15) is not None
    [paused] = pause_failing(engine.database)
    assert paused.reason.startswith(f"senders_die: {DEATHS_IN_A_ROW} senders in a row")
    engine.expire_leases(run)
    with engine.database.transaction(None) as session:
        _, resumed = resume_campaign(session, engine.organization_id, run.campaign_id)
    engine.plan(run)
    assert pause_failing(engine.database) == []
    engine.send(run, epoch=resumed.epoch)
    assert engine.close(run) is not None
    assert engine.balance() == Decimal(1000) - engine.run(run).charged
    with pytest.raises(IllegalState), engine.database.transaction(None) as session:
        resume_campaign(session, engine.organization_id, run.campaign_id)
