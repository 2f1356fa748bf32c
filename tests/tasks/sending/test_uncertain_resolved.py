"""Uncertain messages that people, providers and reports decide about, in any order and at once."""

import pytest
from sqlalchemy import text

from models.errors import IllegalState, InvalidInput
from models.rules.lifecycle import Channel, RunKind
from models.rules.uncertainty import Decision, Verdict
from tasks.providers.sandbox import SandboxProvider
from tasks.runs.uncertain import resolve_single
from tests.support.outbox import check_money, count, message_states, send_everything, singles, small_run
from tests.support.uncertain import check_counters, choose, decide, ended_run, resolve, ripen, uncertain_ids

PEOPLE = [f"uncertain+{no}" for no in range(6)] + [f"c{no}" for no in range(4)]


@pytest.fixture
def ended(make_engine):
    """A completed run: six uncertain messages, four accepted."""
    engine = make_engine(people=PEOPLE)
    return engine, ended_run(engine)


def test_accepted_by_people_it_stays_charged_and_the_run_stays_completed(ended):
    engine, run = ended
    before = engine.balance()
    assert decide(engine, run, Decision.ACCEPT) == 6
    assert resolve(engine) == {Verdict.ACCEPT: 6}
    assert engine.states(run) == {"accepted": 10}
    assert engine.balance() == before
    assert (engine.run(run).state, engine.status(run)) == ("completed", "completed")
    check_counters(engine, run)


def test_decided_twice_it_is_done_once_and_what_was_said_last_counts(ended):
    engine, run = ended
    some = uncertain_ids(engine, run)[:2]
    assert decide(engine, run, Decision.ACCEPT, some) == 2
    assert decide(engine, run, Decision.FAIL, some) == 2
    assert resolve(engine) == {Verdict.FAIL: 2}
    assert decide(engine, run, Decision.ACCEPT, some) == 0
    assert not resolve(engine)
    assert engine.states(run) == {"failed": 2, "uncertain": 4, "accepted": 4}
    check_counters(engine, run)
    assert count(engine, "SELECT count(*) FROM audit_log WHERE action = 'uncertain.resolved'") == 2


def test_what_people_want_sent_again_waits_for_the_time_in_which_the_provider_answers(ended):
    engine, run = ended
    assert decide(engine, run, Decision.RESEND) == 6
    assert resolve(engine) == {Verdict.WAIT: 6}
    ripen(engine)
    assert resolve(engine) == {Verdict.RESEND: 6}
    send_everything(engine, "email")
    assert engine.states(run) == {"accepted": 10}
    check_counters(engine, run)


def test_sent_again_and_uncertain_again_it_is_held_after_the_last_try(make_engine, monkeypatch):
    engine = make_engine(people=["uncertain"], retry_attempts=2)
    run = engine.planned()
    engine.send(run)
    engine.close(run)
    answer = SandboxProvider._answer
    monkeypatch.setattr(SandboxProvider, "_answer", lambda self, message: answer(self, message._replace(attempt=1)))
    choose(engine, "resend")
    ripen(engine)
    assert resolve(engine) == {Verdict.RESEND: 1}
    send_everything(engine, "email")
    assert engine.states(run) == {"uncertain": 1}
    check_counters(engine, run)
    ripen(engine)
    assert resolve(engine) == {Verdict.HOLD: 1}


def test_what_the_provider_knows_comes_before_the_policy(make_engine):
    engine = make_engine(people=["lookedup", "lookedup+2", "notfound", "uncertain"])
    run = engine.planned()
    engine.send(run)
    engine.close(run)
    choose(engine, "fail")
    ripen(engine)
    assert resolve(engine) == {Verdict.ACCEPT: 2, Verdict.RESEND: 1, Verdict.FAIL: 1}
    send_everything(engine, "email")
    assert engine.states(run) == {"accepted": 3, "failed": 1}
    check_counters(engine, run)


def test_a_provider_that_cannot_be_asked_is_asked_again_before_anything_is_decided(ended, monkeypatch):
    engine, run = ended

    async def away(*_: object) -> None:
        raise ConnectionError("it is away")

    choose(engine, "fail")
    ripen(engine)
    monkeypatch.setattr(SandboxProvider, "look_up", away)
    assert resolve(engine) == {Verdict.WAIT: 6}
    assert not resolve(engine)
    assert engine.states(run)["uncertain"] == 6


def test_while_a_run_is_paused_nothing_goes_out_again(make_engine):
    engine = make_engine(people=["uncertain", "c1"])
    run = engine.planned()
    engine.send(run)
    choose(engine, "resend")
    ripen(engine)
    for state, expected in (("paused", {Verdict.WAIT: 1}), ("sending", {Verdict.RESEND: 1})):
        with engine.database.transaction(None) as session:
            session.execute(text("UPDATE runs SET state = :state"), {"state": state})
        ripen(engine)
        assert resolve(engine) == expected
    with engine.database.transaction(None) as session:
        session.execute(text("UPDATE runs SET state = 'paused'"))
    send_everything(engine, "email")
    assert engine.states(run) == {"deferred": 1, "accepted": 1}


def test_a_small_run_of_sms_is_sent_again_under_its_key_and_ends(make_engine):
    engine = make_engine(contacts=1)
    choose(engine, "resend")
    accepted = small_run(engine, RunKind.BULK, ["+12025550153", "+37061234567"], "{literal}")
    send_everything(engine, "sms")
    run = engine.find(accepted.run_id)
    assert engine.states(run) == {"uncertain": 1, "accepted": 1}
    ripen(engine)
    assert resolve(engine) == {Verdict.RESEND: 1}
    assert engine.close(run) is None
    send_everything(engine, "sms")
    assert engine.states(run) == {"accepted": 2}
    assert engine.close(run) is not None
    check_counters(engine, run)


def test_sending_again_is_refused_where_it_could_double_an_sms_or_wake_what_ended(ended, monkeypatch):
    engine, run = ended
    monkeypatch.setattr("tasks.runs.uncertain.takes_keys", lambda *_: False)
    with pytest.raises(InvalidInput):
        decide(engine, run, Decision.RESEND, channel=Channel.SMS)
    with engine.database.transaction(None) as session:
        session.execute(text("UPDATE runs SET state = 'cancelled'"))
    with pytest.raises(IllegalState):
        decide(engine, run, Decision.RESEND)


def test_a_single_is_resolved_by_its_id(make_engine):
    engine = make_engine(contacts=1)
    [id_] = singles(engine, "email", ["uncertain@example.com"])
    send_everything(engine, "email")
    with engine.database.transaction(None) as session:
        values = {"settings": engine.settings, "actor": "test"}
        arguments = (session, engine.organization_id, id_, Channel.EMAIL, Decision.FAIL)
        assert resolve_single(*arguments, **values) == 1
    assert resolve(engine, only=id_) == {Verdict.FAIL: 1}
    assert message_states(engine) == {"failed": 1}
    check_money(engine)


def test_one_run_that_cannot_be_judged_keeps_no_other_from_it(ended):
    engine, run = ended
    singles(engine, "email", ["uncertain@example.com"])
    send_everything(engine, "email")
    choose(engine, "fail")
    ripen(engine)
    with engine.database.transaction(None) as session:
        session.execute(text("UPDATE uncertain_messages SET chunk_no = NULL WHERE run_id IS NOT NULL"))
    assert resolve(engine) == {Verdict.FAIL: 1}
    assert not resolve(engine)
    assert engine.states(run)["uncertain"] == 6
