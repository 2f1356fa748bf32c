"""SMS that were uncertain and are sent again: with the text they were priced by, and found uncertain once more."""

import pytest
from sqlalchemy import text

from models.rules.lifecycle import RunKind
from models.rules.uncertainty import Verdict
from models.store import outbox
from tasks.sending.outbox_journal import flag_lost
from tests.support.outbox import count, send_everything, small_run
from tests.support.sms import UNCERTAIN, Witness, add_people, add_sender, number, sms_campaign
from tests.support.uncertain import check_counters, choose, resolve, ripen


@pytest.fixture
def engine(make_engine):
    engine = make_engine(contacts=1)
    add_sender(engine)
    choose(engine, "resend")
    return engine


def test_a_campaigns_tags_are_filled_in_when_it_is_sent_again(engine, monkeypatch):
    witness = Witness(monkeypatch)
    add_people(engine, [{"phone": UNCERTAIN, "first_name": "Ada"}, {"phone": number(1), "first_name": "Ben"}])
    run = engine.accept(sms_campaign(engine))
    engine.plan(run)
    engine.send(run)
    engine.close(run)
    ripen(engine)
    assert resolve(engine) == {Verdict.RESEND: 1}
    assert witness.texts()[UNCERTAIN] == "Hi Ada"
    witness.messages.clear()
    send_everything(engine, "sms")
    assert engine.states(run) == {"accepted": 2}
    assert witness.texts() == {UNCERTAIN: "Hi Ada"}
    assert engine.status(run) == "sent"
    check_counters(engine, run)


def test_what_a_killed_courier_sent_again_is_uncertain_again(engine):
    accepted = small_run(engine, RunKind.BULK, ["+12025550153", "+37061234567"])
    send_everything(engine, "sms")
    run = engine.find(accepted.run_id)
    ripen(engine)
    assert resolve(engine) == {Verdict.RESEND: 1}
    with engine.database.transaction(None) as session:
        [claimed] = outbox.claim(session, "sms", who="dead", seconds=15, limit=10)
        assert (claimed.chunk_no, claimed.message.tries, claimed.is_of_campaign) == (1, 1, False)
        session.execute(text("UPDATE outbox SET claimed_until = now() - interval '1 second'"))
    assert flag_lost(engine.database) == 1
    check_counters(engine, run)
    assert count(engine, "SELECT chunk_no FROM uncertain_messages") == 1
    ripen(engine)
    assert resolve(engine) == {Verdict.RESEND: 1}
    send_everything(engine, "sms")
    assert engine.states(run) == {"accepted": 2}
    assert count(engine, "SELECT max(resends) FROM messages") == 2
    check_counters(engine, run)
