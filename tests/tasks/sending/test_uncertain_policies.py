"""What the policy makes of messages of which nobody knows, with the mail server's log as the witness."""

from dataclasses import replace

import pytest
from sqlalchemy import text

from models.rules.lifecycle import MessageState
from models.rules.uncertainty import Verdict
from models.store import chunks
from models.store.messages import Result, read_planned
from tasks.providers.sandbox import SandboxProvider
from tasks.sending.journal import Journal
from tests.support.outbox import check_money, count, message_states, send_everything, singles
from tests.support.processes import mail_server
from tests.support.uncertain import check_counters, choose, resolve, ripen


def _half_sent(engine, run, server):
    """A run of which one sender was killed with 20 messages handed over and not recorded; another sent the rest."""
    with engine.database.transaction(None) as session:
        lease = chunks.claim_chunk(session, run.id, 1, who="dead", lease_seconds=15)
        planned = read_planned(session, lease)
    journal = Journal(engine.database, run.id, engine.organization_id, 1, "email", "smtp", lambda: False)
    journal.step(lease, [], cursor=20, upcoming=planned[:20])
    engine.expire_leases(run)
    engine.send(run)
    engine.close(run)
    assert engine.states(run) == {"uncertain": 20, "accepted": 40}
    return {message.recipient for message in planned[:20]}


@pytest.fixture
def ended(make_engine, tmp_path):
    """An engine, its completed run with 20 uncertain messages which the mail server never got, and the server."""
    with mail_server(tmp_path) as server:
        engine = make_engine(contacts=60, smtp_url=server.url)
        run = engine.planned()
        doubtful = _half_sent(engine, run, server)
        yield engine, run, server, doubtful


def test_before_the_provider_could_have_answered_nothing_is_judged(ended):
    engine, run, _, _ = ended
    choose(engine, "fail")
    assert not resolve(engine)
    assert engine.states(run)["uncertain"] == 20


@pytest.mark.parametrize("policy", [None, "hold"])
def test_a_run_is_held_where_nothing_else_was_chosen(ended, policy):
    engine, run, server, _ = ended
    choose(engine, policy)
    ripen(engine)
    assert resolve(engine) == {Verdict.HOLD: 20}
    choose(engine, "fail")
    assert not resolve(engine)  # what is held is people's
    assert engine.states(run)["uncertain"] == 20
    engine.check_invariants(run, server.accepted())
    check_counters(engine, run)


def test_under_fail_they_fail_and_are_refunded_once(ended):
    engine, run, server, _ = ended
    choose(engine, "fail")
    ripen(engine)
    before = engine.balance()
    assert resolve(engine) == {Verdict.FAIL: 20}
    assert not resolve(engine)
    assert engine.balance() - before == engine.run(run).refunded == engine.run(run).charged / 3
    assert engine.run(run).state == "completed"
    assert engine.status(run) == "completed"
    engine.check_invariants(run, server.accepted())
    check_counters(engine, run)


def test_under_resend_email_goes_out_again_and_is_flagged(ended):
    engine, run, server, doubtful = ended
    choose(engine, "resend")
    ripen(engine)
    assert resolve(engine) == {Verdict.RESEND: 20}
    assert not resolve(engine)
    check_counters(engine, run)
    send_everything(engine, "email")
    assert engine.states(run) == {"accepted": 60}
    assert server.accepted() == dict.fromkeys(engine.recipients, 1)
    assert count(engine, "SELECT count(*) FROM messages WHERE resends = 1") == len(doubtful) == 20
    assert count(engine, "SELECT count(*) FROM chunks WHERE state <> 'done'") == 0
    assert engine.run(run).state == "completed"
    assert engine.run(run).refunded == 0
    check_counters(engine, run)


def test_what_is_sent_again_days_later_is_tried_for_as_long_as_anything_else(ended):
    engine, run, _, _ = ended
    with engine.database.transaction(None) as session:
        session.execute(text("UPDATE messages SET first_tried_at = now() - interval '3 days'"))
    choose(engine, "resend")
    ripen(engine)
    assert resolve(engine) == {Verdict.RESEND: 20}
    nobody = engine.settings.with_values(smtp_url="smtp://127.0.0.1:9")
    send_everything(replace(engine, settings=nobody), "email")
    assert engine.states(run) == {"deferred": 20, "accepted": 40}
    check_counters(engine, run)


def test_the_late_answer_of_a_sender_does_not_disturb_who_sends_again(make_engine, tmp_path):
    with mail_server(tmp_path) as server:
        engine = make_engine(contacts=20, smtp_url=server.url)
        run = engine.planned()
        choose(engine, "resend")
        with engine.database.transaction(None) as session:
            lease = chunks.claim_chunk(session, run.id, 1, who="cut off", lease_seconds=15)
            planned = read_planned(session, lease)
        journal = Journal(engine.database, run.id, engine.organization_id, 1, "email", "smtp", lambda: False)
        journal.step(lease, [], cursor=20, upcoming=planned)
        engine.expire_leases(run)
        engine.send(run)
        ripen(engine)
        assert resolve(engine) == {Verdict.RESEND: 20}
        journal.evidence(lease, [Result(m.id, m.position, MessageState.ACCEPTED) for m in planned])
        assert engine.states(run) == {"planned": 20}
        assert engine.close(run) is None
        send_everything(engine, "email")
        assert engine.close(run) is not None
        assert engine.states(run) == {"accepted": 20}
        check_counters(engine, run)


def test_a_campaign_that_was_cancelled_sends_nothing_again(ended, make_engine):
    engine, run, _, _ = ended
    choose(engine, "resend")
    ripen(engine)
    resolve(engine)
    with engine.database.transaction(None) as session:
        session.execute(text("UPDATE runs SET state = 'cancelled' WHERE id = :run"), {"run": run.id})
    send_everything(engine, "email")
    assert engine.states(run) == {"cancelled": 20, "accepted": 40}
    check_counters(engine, run)


class _NoKey(SandboxProvider):
    """A provider that would send twice what is given to it twice."""

    def __init__(self) -> None:
        super().__init__()
        self.capabilities = replace(self.capabilities, idempotent=False)


@pytest.mark.parametrize("policy", [None, "hold", "resend"])
def test_an_sms_is_never_sent_again_blindly(make_engine, policy):
    engine = make_engine(contacts=1)
    choose(engine, policy)
    singles(engine, "sms", ["+12025550153"])
    send_everything(engine, "sms")
    ripen(engine)
    assert resolve(engine, lambda *_: _NoKey()) == {Verdict.HOLD: 1}
    assert message_states(engine) == {"uncertain": 1}


@pytest.mark.parametrize(("channel", "recipient"), [("sms", "+12025550153"), ("email", "uncertain@example.com")])
@pytest.mark.parametrize("policy", [None, "resend"])
def test_a_single_is_sent_again_under_its_key_where_the_provider_takes_one(make_engine, channel, recipient, policy):
    engine = make_engine(contacts=1)
    choose(engine, policy)
    singles(engine, channel, [recipient])
    send_everything(engine, channel)
    assert message_states(engine) == {"uncertain": 1}
    ripen(engine)
    assert resolve(engine) == {Verdict.RESEND: 1}
    send_everything(engine, channel)
    assert message_states(engine) == {"accepted": 1}
    assert count(engine, "SELECT count(*) FROM uncertain_messages") == 0
    check_money(engine)


def test_a_single_that_fails_by_policy_is_refunded_once(make_engine):
    engine = make_engine(contacts=1)
    choose(engine, "fail")
    singles(engine, "email", ["uncertain@example.com"])
    send_everything(engine, "email")
    ripen(engine)
    assert resolve(engine) == {Verdict.FAIL: 1}
    assert not resolve(engine)
    check_money(engine)
    assert count(engine, "SELECT count(*) FROM ledger_entries WHERE kind = 'refund'") == 1
