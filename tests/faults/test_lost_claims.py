"""Claims of the outbox whose courier is slow or gone: answers that come late, commits whose answer got lost."""

from decimal import Decimal
from unittest.mock import Mock

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from models.rules.lifecycle import MessageState, RunKind
from models.session import driver
from models.store import outbox
from models.store.messages import Result
from tasks.sending.open_routes import OpenRoutes
from tasks.sending.outbox_journal import Answer, OutboxJournal, flag_lost
from tests.support.outbox import check_money, count, message_states, send_everything, singles, small_run

NUMBERS = [f"+37060000{no:03d}" for no in range(6)]


def _journal(engine, who="first"):
    return OutboxJournal(engine.database, engine.settings, OpenRoutes(engine.database, engine.settings, "sms"), who=who)


def _answers(claimed, state=MessageState.ACCEPTED):
    return [Answer(one, Result(one.message.id, one.message.position, state, code=None)) for one in claimed]


def _let_claims_run_out(engine):
    with engine.database.transaction(None) as session:
        session.execute(text("UPDATE outbox SET claimed_until = now() - interval '1 second'"))


def test_two_couriers_never_claim_the_same(make_engine):
    engine = make_engine(contacts=1)
    singles(engine, "sms", NUMBERS)
    first, second = _journal(engine).claim(4).messages, _journal(engine, "second").claim(200).messages
    ids = [claimed.message.id for claimed in [*first, *second]]
    assert (len(first), len(second), len(set(ids))) == (4, 2, 6)


def test_what_another_courier_has_locked_is_not_waited_for(make_engine):
    engine = make_engine(contacts=1)
    singles(engine, "sms", NUMBERS)
    with engine.database.transaction(None) as session:
        driver(session).execute("SELECT 1 FROM outbox LIMIT 2 FOR UPDATE")
        assert len(_journal(engine).claim(200).messages) == 4


def test_a_claim_that_ran_out_is_uncertain_and_a_late_answer_is_still_true(make_engine):
    engine = make_engine(contacts=1)
    singles(engine, "sms", NUMBERS[:3])
    run = engine.find(small_run(engine, RunKind.BULK, NUMBERS[3:]).run_id)
    journal = _journal(engine)
    claimed = journal.claim(200).messages
    _let_claims_run_out(engine)
    assert flag_lost(engine.database) == 6
    assert message_states(engine) == {"uncertain": 6}
    assert (engine.totals(run).uncertain, count(engine, "SELECT count(*) FROM outbox")) == (3, 0)
    assert engine.close(run) is not None
    journal.record(_answers(claimed[:1] + claimed[3:5]) + _answers(claimed[5:] + claimed[1:2], MessageState.FAILED))
    assert message_states(engine) == {"accepted": 3, "failed": 2, "uncertain": 1}
    totals = engine.totals(run)
    assert (totals.sent, totals.failed, totals.uncertain) == (2, 1, 0)
    assert engine.balance() == Decimal("999.96")  # the refused single, and that of the run, which was closed
    check_money(engine)


def test_an_answer_that_comes_before_anybody_looked_for_lost_claims_is_simply_written(make_engine):
    engine = make_engine(contacts=1)
    singles(engine, "sms", NUMBERS)
    journal = _journal(engine)
    claimed = journal.claim(200).messages
    _let_claims_run_out(engine)
    journal.record(_answers(claimed))
    assert flag_lost(engine.database) == 0
    assert message_states(engine) == {"accepted": 6}


@pytest.mark.parametrize("state", [MessageState.ACCEPTED, MessageState.FAILED])
def test_a_record_whose_commit_got_lost_is_not_written_twice(make_engine, state):
    engine = make_engine(contacts=1)
    singles(engine, "sms", NUMBERS[:3])
    run = engine.find(small_run(engine, RunKind.BULK, NUMBERS[3:]).run_id)
    journal = _journal(engine)
    claimed = journal.claim(200).messages
    for _ in range(2):
        journal.record(_answers(claimed, state))
    totals = engine.totals(run)
    assert (message_states(engine), totals.sent + totals.failed) == ({state.value: 6}, 3)
    check_money(engine)


def test_a_claim_whose_commit_got_lost_is_given_back(make_engine, monkeypatch):
    engine = make_engine(contacts=1)
    singles(engine, "sms", NUMBERS)
    claim = outbox.claim

    def claim_and_break(session, *arguments, **values):
        claim(session, *arguments, **values)
        driver(session).execute("COMMIT")
        raise OperationalError("COMMIT", {}, Exception("the answer got lost"))

    journal = _journal(engine)
    monkeypatch.setattr(outbox, "claim", claim_and_break)
    with pytest.raises(OperationalError):
        journal.claim(200)
    monkeypatch.setattr(outbox, "claim", claim)
    assert _journal(engine, "second").claim(200).messages == []
    assert len(journal.claim(200).messages) == 6


def test_a_courier_whose_first_claims_failed_gives_back_nothing_of_the_one_before_it(make_engine, monkeypatch):
    engine = make_engine(contacts=1)
    singles(engine, "sms", NUMBERS)
    assert len(_journal(engine).claim(200).messages) == 6  # handed over, and then killed
    started_again = _journal(engine)  # in the same container: the same host, the same process id
    with monkeypatch.context() as away:
        away.setattr(outbox, "claim", Mock(side_effect=OperationalError("SELECT", {}, Exception("Postgres is away"))))
        with pytest.raises(OperationalError):
            started_again.claim(200)
    assert started_again.claim(200).messages == []


def test_what_was_given_back_is_sent(make_engine):
    engine = make_engine(contacts=1)
    singles(engine, "sms", NUMBERS)
    journal = _journal(engine)
    journal.record([Answer(claimed, None) for claimed in journal.claim(200).messages])
    send_everything(engine, "sms")
    assert message_states(engine) == {"accepted": 6}
    assert count(engine, "SELECT min(tries) FROM messages") == 1
