"""A courier that was cut off, and what another one sends again meanwhile: the answers of the first are of its send."""

import pytest
from sqlalchemy import text

from models.rules.lifecycle import MessageState
from models.rules.uncertainty import Verdict
from models.store.messages import Result
from models.store.outbox import renew
from tasks.sending.open_routes import OpenRoutes
from tasks.sending.outbox_journal import Answer, OutboxJournal, flag_lost
from tests.support.outbox import check_money, count, message_states, singles
from tests.support.uncertain import choose, resolve, ripen

CLAIMED = "SELECT count(*) FROM outbox WHERE claimed_until > now()"


def _journal(engine, who):
    opened = OpenRoutes(engine.database, engine.settings, "email")
    return OutboxJournal(engine.database, engine.settings, opened, who=who)


def _claim(engine, who):
    journal = _journal(engine, who)
    [claimed] = journal.claim(200).messages

    def record(state):
        result = state and Result(claimed.message.id, claimed.message.position, state)
        journal.record([Answer(claimed, result)])

    return claimed, record


def _lose(engine):
    with engine.database.transaction(None) as session:
        session.execute(text("UPDATE outbox SET claimed_until = now() - interval '1 second'"))
    assert flag_lost(engine.database) == 1


@pytest.fixture
def sent_again(make_engine):
    """The engine, and the claims of the first send, which was lost, and of the second, which is out."""
    engine = make_engine(contacts=1)
    choose(engine, "resend")
    singles(engine, "email", ["ann@example.com"])
    first = _claim(engine, "first")
    _lose(engine)
    ripen(engine)
    assert resolve(engine) == {Verdict.RESEND: 1}
    return engine, first, _claim(engine, "second")


@pytest.mark.parametrize("state", [None, MessageState.FAILED, MessageState.DEFERRED])
def test_a_claim_of_the_first_send_neither_frees_nor_decides_what_is_out_again(sent_again, state):
    engine, (_, record_first), (_, record_second) = sent_again
    record_first(state)
    assert (count(engine, CLAIMED), message_states(engine)) == (1, {"planned": 1})
    record_second(MessageState.ACCEPTED)
    assert message_states(engine) == {"accepted": 1}


def test_a_claim_of_the_first_send_is_not_renewed(sent_again):
    engine, (first, _), (second, _) = sent_again
    with engine.database.connect() as connection:
        assert [renew(connection, [claimed], 15) for claimed in (first, second)] == [0, 1]


def test_of_the_first_send_that_it_was_refused_says_nothing_of_the_second(sent_again):
    engine, (_, record_first), (_, record_second) = sent_again
    _lose(engine)
    record_first(MessageState.FAILED)
    assert message_states(engine) == {"uncertain": 1}
    record_second(MessageState.FAILED)
    assert message_states(engine) == {"failed": 1}
    check_money(engine)


def test_that_the_first_was_taken_is_true_whatever_became_of_the_second(sent_again):
    engine, (_, record_first), _ = sent_again
    _lose(engine)
    record_first(MessageState.ACCEPTED)
    assert message_states(engine) == {"accepted": 1}
    check_money(engine)
