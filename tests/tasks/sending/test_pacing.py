"""Many slow runs on one loop: each at its rate, each as any other run is sent."""

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import text

from models.rules.pacing import PACED_BELOW, is_paced, page_size
from models.store.loose_ends import orphaned_runs, runs_to_pace
from tasks.runs.control import cancel_campaign, pause_campaign, resume_campaign
from tasks.sending import drain as drain_module
from tasks.sending.pacing import send_paced
from tests.support.engine import Engine, MailServer
from tests.support.processes import mail_server

FAST = 599  # nine a second, and as many at once


@pytest.fixture
def server(tmp_path) -> Iterator[MailServer]:
    with mail_server(tmp_path) as running:
        yield running


@contextmanager
def pacer(engine: Engine) -> Iterator[Callable[[], None]]:
    """A pacer in a thread; what it gives ends it when there is nothing in hand."""
    ended = threading.Event()
    thread = threading.Thread(
        target=send_paced, args=(engine.database, engine.settings), kwargs={"idle_seconds": 600, "stop": ended.is_set}
    )
    thread.start()

    def end() -> None:
        ended.set()
        thread.join(30)
        assert not thread.is_alive()

    try:
        yield end
    finally:
        end()


def _until(look: Callable[[], bool]) -> None:
    waited = threading.Event()
    for _ in range(2400):
        if look():
            return
        waited.wait(0.025)
    raise AssertionError("It never came to that.")


def test_which_runs_are_paced():
    assert [is_paced(rate) for rate in (None, 1, PACED_BELOW - 1, PACED_BELOW)] == [False, True, True, False]
    assert [page_size(rate) for rate in (None, 1, 60, 599, 600)] == [None, 1, 30, 299, None]


def test_every_run_is_sent_once_to_everybody(make_engine, server):
    engine = make_engine(contacts=25, smtp_url=server.url)
    runs = [engine.planned(send_rate_per_minute=FAST) for _ in range(6)]
    send_paced(engine.database, engine.settings, idle_seconds=0, stop=lambda: False)
    for run in runs:
        assert engine.totals(run).sent == 25
        closed = engine.close(run)
        assert closed is not None
        assert (closed.state, engine.status(run)) == ("completed", "completed")
    assert server.accepted() == Counter(dict.fromkeys(engine.recipients, 6))


def test_tokens_that_are_used_are_those_of_the_messages(make_engine, server):
    """By the bucket, not by the clock: what was taken and not returned is what went out."""
    engine = make_engine(contacts=12, smtp_url=server.url)
    run = engine.planned(send_rate_per_minute=FAST, batch_size=5)
    taken = []
    take = drain_module.Rate.take

    def count(self, messages):
        taken.append(len(messages))
        return take(self, messages)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(drain_module.Rate, "take", count)
        send_paced(engine.database, engine.settings, idle_seconds=0, stop=lambda: False)
    assert taken == [5, 5, 2]
    assert engine.totals(run).sent == 12


def test_a_page_is_read_at_a_time_and_the_chunk_is_one_all_the_same(make_engine, server, monkeypatch):
    engine = make_engine(contacts=40, smtp_url=server.url)
    run = engine.planned(send_rate_per_minute=FAST, batch_size=4)
    monkeypatch.setattr("tasks.sending.sender.page_size", lambda _: 7)
    send_paced(engine.database, engine.settings, idle_seconds=0, stop=lambda: False)
    with engine.database.transaction(None) as session:
        row = session.execute(text("SELECT state, fence, cursor, recorded, accepted FROM chunks")).one()
    assert row == ("done", 6, 40, 40, 40)
    assert engine.close(run) is not None
    engine.check_invariants(run, server.accepted())


def test_runs_with_a_rate_or_none_are_left_to_others(make_engine, server):
    engine = make_engine(contacts=3, smtp_url=server.url)
    paced, quick, free = (engine.planned(send_rate_per_minute=rate) for rate in (FAST, 600, None))
    with engine.database.transaction(None) as session:
        assert [run.run_id for run in runs_to_pace(session, limit=9)] == [paced.id]
        assert {run.run_id for run in orphaned_runs(session, idle_seconds=-1)} == {quick.id, free.id}
    send_paced(engine.database, engine.settings, idle_seconds=0, stop=lambda: False)
    assert [engine.totals(run).sent for run in (paced, quick, free)] == [3, 0, 0]


@pytest.mark.parametrize("move", [pause_campaign, cancel_campaign])
def test_who_waits_for_its_minute_gives_back_at_once_and_is_in_doubt_of_nobody(make_engine, server, move):
    engine = make_engine(contacts=5, smtp_url=server.url)
    run = engine.planned(send_rate_per_minute=1)  # the second would go out after a minute
    with pacer(engine) as end:
        _until(lambda: engine.totals(run).sent == 1)
        with engine.database.transaction(None) as session:
            move(session, engine.organization_id, run.campaign_id)
        _until(lambda: _chunk_states(engine) == {"ready"})
        end()
    assert engine.totals(run).uncertain == 0
    with engine.database.transaction(None) as session:
        # Of the second a token was taken, and given back.
        assert session.execute(text("SELECT tokens > -1 FROM rate_buckets")).scalar_one()
    if move is cancel_campaign:
        closed = engine.close(run)
        assert closed is not None
        assert (closed.state, engine.states(run)) == ("cancelled", {"accepted": 1, "cancelled": 4})
        engine.check_invariants(run, server.accepted())


def test_a_run_that_is_resumed_goes_on_under_its_new_epoch(make_engine, server):
    engine = make_engine(contacts=30, smtp_url=server.url)
    run = engine.planned(send_rate_per_minute=FAST)
    with pacer(engine) as end:
        _until(lambda: engine.totals(run).sent > 0)
        with engine.database.transaction(None) as session:
            pause_campaign(session, engine.organization_id, run.campaign_id)
        _until(lambda: _chunk_states(engine) == {"ready"})
        assert engine.totals(run).sent < 30
        with engine.database.transaction(None) as session:
            resume_campaign(session, engine.organization_id, run.campaign_id)
        assert engine.plan(run) is not None  # as its new flow does
        _until(lambda: engine.totals(run).sent == 30)
        end()
    assert engine.close(run) is not None
    engine.check_invariants(run, server.accepted())


def test_who_opts_out_before_a_windows_time_has_come_gets_nothing(make_engine, server):
    engine = make_engine(contacts=4, smtp_url=server.url)
    run = engine.planned(send_rate_per_minute=60)
    with pacer(engine) as end:
        _until(lambda: engine.totals(run).sent == 1)
        engine.suppress("c3@example.com")
        _until(lambda: engine.totals(run).pending == 0)
        end()
    assert (engine.totals(run).sent, engine.totals(run).suppressed) == (3, 1)
    assert "c3@example.com" not in server.accepted()


def test_a_run_that_cannot_be_sent_rests_and_holds_up_nobody(make_engine, server):
    engine = make_engine(contacts=3, smtp_url=server.url)
    broken, good = (engine.planned(send_rate_per_minute=FAST) for _ in range(2))
    with engine.database.transaction(None) as session:
        session.execute(text("UPDATE runs SET content_id = NULL WHERE id = :id"), {"id": broken.id})
    send_paced(engine.database, engine.settings, idle_seconds=0, stop=lambda: False)
    assert (engine.totals(good).sent, engine.run(broken).send_failures) == (3, 1)


def _chunk_states(engine: Engine) -> set[str]:
    with engine.database.transaction(None) as session:
        return set(session.execute(text("SELECT state FROM chunks")).scalars())
