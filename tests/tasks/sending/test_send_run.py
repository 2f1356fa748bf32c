"""A run through a real mail server that logs what it accepts."""

from collections.abc import Iterator
from decimal import Decimal

import pytest

from deployments.sink_log import read_entries
from tasks.runs.control import cancel_campaign, pause_campaign, resume_campaign
from tasks.sending.tally import Tally
from tests.support.engine import MailServer
from tests.support.processes import mail_server


@pytest.fixture
def server(tmp_path) -> Iterator[MailServer]:
    with mail_server(tmp_path) as running:
        yield running


def test_everybody_gets_it_once_and_the_run_completes(make_engine, server):
    engine = make_engine(contacts=1100, smtp_url=server.url)
    run = engine.planned()
    assert engine.send(run).accepted == 1100
    closed = engine.close(run)
    assert closed is not None
    assert (closed.state, closed.refunded, engine.status(run)) == ("completed", 0, "completed")
    accepted = server.accepted()
    assert set(accepted) == set(engine.recipients)
    engine.check_invariants(run, accepted)


def test_two_senders_at_once_share_the_chunks(make_engine, server):
    engine = make_engine(contacts=3000, smtp_url=server.url)
    run = engine.planned()
    tallies = [Tally(), Tally()]
    threads = [engine.send_in_thread(run, tally=tally) for tally in tallies]
    for thread in threads:
        thread.join()
    assert sum(tally.accepted for tally in tallies) == 3000
    engine.check_invariants(run, server.accepted())


def test_a_start_that_is_out_of_date_sends_nothing(make_engine, server):
    engine = make_engine(contacts=10, smtp_url=server.url)
    run = engine.planned()
    assert engine.send(run, epoch=2).accepted == 0
    assert not server.accepted()


def test_who_opts_out_after_the_plan_gets_nothing_and_is_refunded(make_engine, server):
    engine = make_engine(contacts=50, smtp_url=server.url)
    run = engine.planned()
    engine.suppress("c7@example.com")
    tally = engine.send(run)
    assert (tally.accepted, tally.suppressed) == (49, 1)
    closed = engine.close(run)
    assert closed is not None
    assert closed.refunded == Decimal("0.01")
    assert "c7@example.com" not in server.accepted()
    engine.check_invariants(run, server.accepted())


def test_who_opts_out_while_the_sender_waits_for_its_rate_gets_nothing(make_engine, server):
    engine = make_engine(contacts=6, smtp_url=server.url)
    run = engine.planned(send_rate_per_minute=60)  # one a second; what was looked up is old by the next
    tally = Tally()
    sender = engine.send_in_thread(run, tally=tally)
    while tally.accepted < 1 and sender.is_alive():
        sender.join(0.01)
    engine.suppress("c5@example.com")
    sender.join()
    assert (tally.accepted, tally.suppressed) == (5, 1)
    assert "c5@example.com" not in server.accepted()


def test_a_pause_stops_at_the_next_window_and_a_resume_sends_the_rest_once(make_engine, server):
    engine = make_engine(contacts=600, smtp_url=server.url)
    run = engine.planned()
    looks = []

    def pause_at_the_fifth_look() -> bool:
        looks.append(1)
        if len(looks) == 5:
            with engine.database.transaction(None) as session:
                pause_campaign(session, engine.organization_id, run.campaign_id)
        return False

    tally = engine.send(run, stop=pause_at_the_fifth_look)
    assert 0 < tally.accepted < 600
    assert (tally.uncertain, engine.states(run)["uncertain"]) == (0, 0)
    with engine.database.transaction(None) as session:
        _, resumed = resume_campaign(session, engine.organization_id, run.campaign_id)
    assert (resumed.state, resumed.epoch) == ("queued", 2)
    planned = engine.plan(run)
    assert planned is not None
    assert planned.already
    assert engine.send(run, epoch=2).accepted == 600 - tally.accepted
    engine.check_invariants(run, server.accepted())


def test_a_cancel_refunds_what_was_not_handed_over(make_engine, server):
    engine = make_engine(contacts=600, smtp_url=server.url)
    run = engine.planned()
    looks = []

    def cancel_at_the_fifth_look() -> bool:
        looks.append(1)
        if len(looks) == 5:
            with engine.database.transaction(None) as session:
                cancel_campaign(session, engine.organization_id, run.campaign_id)
        return False

    tally = engine.send(run, stop=cancel_at_the_fifth_look)
    closed = engine.close(run)
    assert closed is not None
    assert closed.refunded == Decimal("0.01") * (600 - tally.accepted)
    assert (closed.state, engine.states(run)["cancelled"]) == ("cancelled", 600 - tally.accepted)
    engine.check_invariants(run, server.accepted())


def test_a_rate_is_kept_over_all_senders(make_engine, server):
    engine = make_engine(contacts=40, smtp_url=server.url)
    run = engine.planned(send_rate_per_minute=600)  # ten a second; the first ten are the burst
    began = server.accepted().total()
    threads = [engine.send_in_thread(run) for _ in range(2)]
    for thread in threads:
        thread.join()
    assert began == 0
    times = sorted(entry["time"] for entry in read_entries(server.log))
    # A clock may be read late, never early: within any second there are at most two bursts.
    assert times[-1] - times[0] >= 2.0
    engine.check_invariants(run, server.accepted())
