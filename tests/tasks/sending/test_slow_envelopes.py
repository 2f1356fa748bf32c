"""A mail server that takes seconds for an envelope gets the body only if nobody opted out in the meantime."""

import json
from collections.abc import Iterator

import pytest

from deployments.sink_log import read_entries
from tests.support.engine import Engine, MailServer
from tests.support.outbox import message_states, sending, singles, wait_until
from tests.support.processes import mail_server

SECONDS = 2.5  # longer than what is known of a recipient may be old
ANN, BOB = "c1@example.com", "c2@example.com"


@pytest.fixture
def server(tmp_path) -> Iterator[MailServer]:
    slow = {"at": "rcpt", "action": "slow", "seconds": SECONDS, "recipient": "c[12]@example.com"}
    with mail_server(tmp_path, "--fail", json.dumps(slow)) as running:
        yield running


@pytest.fixture
def engine(make_engine, server) -> Engine:
    return make_engine(contacts=3, smtp_url=server.url)


def test_who_opts_out_of_a_campaign_meanwhile_gets_nothing_and_the_others_get_it(engine, server):
    run = engine.planned()
    sender = engine.send_in_thread(run)
    wait_until(lambda: server.accepted().total() == 1)
    engine.suppress(ANN)
    sender.join()
    assert engine.states(run) == {"accepted": 2, "suppressed": 1}
    engine.close(run)
    assert ANN not in server.accepted()
    engine.check_invariants(run, server.accepted())


def test_who_opts_out_of_a_single_message_meanwhile_gets_nothing_and_the_others_get_it(engine, server):
    singles(engine, "email", ["c0@example.com", ANN, BOB])
    with sending(engine, "email"):
        wait_until(lambda: server.accepted().total() == 1)
        engine.suppress(ANN)
        wait_until(lambda: message_states(engine) == {"accepted": 2, "suppressed": 1})
    assert ANN not in server.accepted()
    assert set(server.accepted().values()) == {1}


@pytest.mark.parametrize("how", ["campaign", "singles"])
def test_where_nobody_opts_out_each_is_offered_once(engine, server, how):
    if how == "campaign":
        engine.send(engine.planned())
    else:
        singles(engine, "email", [ANN, BOB])
        with sending(engine, "email"):
            wait_until(lambda: message_states(engine) == {"accepted": 2})
    assert {ANN: 1, BOB: 1}.items() <= server.accepted().items()
    assert max(line["connection"] for line in read_entries(server.log)) <= 3, "Connections were given up."
