"""What a mail server says or breaks, and what becomes of the messages."""

import json
from decimal import Decimal

import pytest

from models.rules.circuit import OPEN_AFTER
from models.store.circuits import unavailable
from tests.support.processes import mail_server


def _fault(**rule: object) -> str:
    return json.dumps(rule)


def test_a_refused_recipient_fails_and_is_refunded(make_engine, tmp_path):
    with mail_server(tmp_path, "--fail", _fault(at="rcpt", reply="550 5.1.1 No such user", recipient="c3@*")) as server:
        engine = make_engine(contacts=30, smtp_url=server.url)
        run = engine.planned()
        tally = engine.send(run)
        closed = engine.close(run)
        assert closed is not None
        assert (tally.accepted, tally.failed, closed.refunded) == (29, 1, Decimal("0.01"))
        engine.check_invariants(run, server.accepted())


def test_a_deferred_message_is_tried_again_in_a_chunk_of_its_own(make_engine, tmp_path):
    with mail_server(
        tmp_path, "--fail", _fault(at="final", reply="451 4.3.0 Later", recipient="c1*", first=2)
    ) as server:
        engine = make_engine(contacts=60, smtp_url=server.url)
        run = engine.planned()
        first = engine.send(run)
        assert first.deferred == 11  # c1, c10 … c19
        assert engine.close(run) is None, "The run must wait for them."
        for _ in range(2):
            engine.make_retries_due(run)
            assert engine.requeue(run) == 11
            engine.send(run)
        assert engine.close(run) is not None
        assert engine.totals(run).sent == 60
        engine.check_invariants(run, server.accepted())


def test_the_last_try_fails_and_is_refunded(make_engine, tmp_path):
    with mail_server(tmp_path, "--fail", _fault(at="final", reply="451 4.3.0 Never", recipient="c1@*")) as server:
        engine = make_engine(contacts=5, smtp_url=server.url, retry_attempts=2)
        run = engine.planned()
        engine.send(run)
        engine.make_retries_due(run)
        engine.requeue(run)
        engine.send(run)
        closed = engine.close(run)
        assert closed is not None
        assert closed.refunded == Decimal("0.01")
        assert engine.states(run) == {"accepted": 4, "failed": 1}


@pytest.mark.parametrize("action", ["accept_close", "accept_garbage"])
def test_an_answer_that_never_came_is_uncertain_and_paid_for(make_engine, tmp_path, action):
    with mail_server(tmp_path, "--fail", _fault(at="final", action=action, recipient="c7@*")) as server:
        engine = make_engine(contacts=40, smtp_url=server.url)
        run = engine.planned()
        tally = engine.send(run)
        assert tally.uncertain >= 1
        assert tally.accepted + tally.uncertain == 40
        closed = engine.close(run)
        assert closed is not None
        assert (closed.state, closed.refunded) == ("completed", 0)
        engine.check_invariants(run, server.accepted())


def test_a_server_that_is_away_fails_nobody(make_engine, tmp_path):
    with mail_server(tmp_path) as server:
        url = server.url
    engine = make_engine(contacts=25, smtp_url=url)
    run = engine.planned()
    tally = engine.send(run)
    assert (tally.accepted, tally.failed, tally.uncertain, tally.deferred) == (0, 0, 0, 25)
    assert engine.states(run) == {"deferred": 25}


def test_a_server_that_is_away_is_left_alone_after_some_windows(make_engine, tmp_path):
    with mail_server(tmp_path) as server:
        url = server.url
    engine = make_engine(contacts=100, smtp_url=url)
    run = engine.planned(batch_size=10)
    assert engine.send(run).deferred == 10 * OPEN_AFTER
    assert engine.send(run).deferred == 0, "Nobody tries it now."
    assert engine.states(run) == {"deferred": 10 * OPEN_AFTER, "planned": 100 - 10 * OPEN_AFTER}
    with engine.database.transaction(None) as session:
        [left_alone] = unavailable(session)
    assert (left_alone.name, left_alone.is_open) == ("email/smtp", True)
    assert "(connect)" in left_alone.in_words
