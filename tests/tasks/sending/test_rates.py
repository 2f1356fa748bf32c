"""The rates of an account and of senders, over everything that sends."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import text

from models.rules.lifecycle import RunKind
from models.store.rate_buckets import take_for_run
from models.store.sender_rates import change_rate
from models.tables import Run
from tasks.runs.control import pause_campaign
from tasks.sending import rate as rate_module
from tasks.sending.pacing import send_paced
from tests.support.engine import DOMAIN, Engine
from tests.support.handovers import HandOvers
from tests.support.outbox import count, due, message_states, sending, singles, small_run, wait_until
from tests.support.sms import add_sender

NUMBER = "+37060000{:03d}"


@pytest.fixture
def handed_over(monkeypatch: pytest.MonkeyPatch) -> HandOvers:
    return HandOvers(monkeypatch)


def limit(engine: Engine, sender: str, per_minute: int) -> None:
    with engine.database.transaction(None) as session:
        change_rate(session, sender, per_minute, actor="operator")


@contextmanager
def paced(engine: Engine) -> Iterator[None]:
    ended = threading.Event()
    thread = threading.Thread(
        target=send_paced, args=(engine.database, engine.settings), kwargs={"idle_seconds": 600, "stop": ended.is_set}
    )
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join(30)


def test_an_accounts_rate_holds_over_runs_the_pacer_and_the_outbox_together(make_engine, handed_over):
    engine = make_engine(contacts=60, email_rate_per_minute=6000)
    began = time.monotonic()
    slow = engine.planned(send_rate_per_minute=599)
    quick = engine.planned()
    singles(engine, "email", [f"s{no}@example.com" for no in range(120)])
    small_run(engine, RunKind.BATCH, [f"b{no}@example.com" for no in range(60)])
    with paced(engine), sending(engine, "email"):
        threads = [engine.send_in_thread(quick) for _ in range(2)]
        wait_until(lambda: engine.totals(slow).sent == 60 and due(engine) == 0)
        for thread in threads:
            thread.join()
    assert message_states(engine) == {"accepted": 300}
    # A full bucket of 100, and 100 a second: whatever the machine does, less time than that would be too fast.
    assert handed_over.last_at - began >= (300 - 100) / 100


def test_a_run_without_a_rate_asks_nothing(make_engine, handed_over, monkeypatch):
    asked: list[object] = []
    monkeypatch.setattr(rate_module.Rate, "take", lambda *values: asked.append(values))
    monkeypatch.setattr("tasks.sending.sender_rates.SenderRates._is_old", lambda _: False)
    engine = make_engine(contacts=40)
    engine.send(engine.planned())
    assert (len(handed_over), asked) == (40, [])


def test_a_window_takes_from_all_its_buckets_by_one_statement(make_engine, handed_over, monkeypatch):
    engine = make_engine(contacts=60, email_rate_per_minute=60_000)
    limit(engine, DOMAIN, 60_000)
    taken: list[dict[str, int]] = []

    def count_and_take(session, wanted, run_id, organization_id):
        taken.append({each.name.partition(":")[0]: number for each, number in wanted.items()})
        return take_for_run(session, wanted, run_id, organization_id)

    monkeypatch.setattr(rate_module, "take_for_run", count_and_take)
    engine.send(engine.planned(send_rate_per_minute=60_000))
    assert taken == [{"run": 20, "sender": 20, "account": 20}] * 3


@pytest.mark.parametrize("lane", ["a campaign", "the outbox"])
def test_a_senders_rate_holds_for_what_comes_from_it(make_engine, handed_over, lane):
    engine = make_engine(contacts=30)
    limit(engine, DOMAIN, 600)
    began = time.monotonic()
    if lane == "a campaign":
        engine.send(engine.planned())
    else:
        singles(engine, "email", engine.recipients)
        with sending(engine, "email"):
            wait_until(lambda: len(handed_over) == 30)
    assert handed_over.last_at - began >= (30 - 10) / 10
    assert len(handed_over) == 30


def test_a_sender_that_must_wait_holds_up_no_other(make_engine, handed_over):
    engine = make_engine(contacts=1)
    add_sender(engine, "ACME")
    second = engine.another()
    with engine.database.transaction(None) as session:
        session.execute(text("UPDATE sender_ids SET rate_per_minute = 1"))
    many = singles(engine, "sms", [NUMBER.format(no) for no in range(200)])
    few = singles(second, "sms", [NUMBER.format(no) for no in range(200, 210)])
    with sending(engine, "sms"):
        wait_until(lambda: set(few) <= handed_over.ids)
        wait_until(lambda: due(engine) == 0)  # the others wait for their minutes
    assert len(handed_over.ids & set(many)) == 1
    waits = "SELECT count(DISTINCT round(extract(epoch FROM due_at - now()) / 60)) FROM outbox"
    assert count(engine, waits) > 150, "They would be claimed again all at once."


def test_a_run_that_is_paused_gives_back_what_it_took(make_engine, handed_over, monkeypatch):
    engine = make_engine(contacts=3, email_rate_per_minute=6000)
    run = engine.planned()
    take = rate_module.Rate.take

    def take_and_pause(self, messages):
        turn = take(self, messages)
        assert turn.granted
        with engine.database.transaction(None) as session:
            pause_campaign(session, engine.organization_id, run.campaign_id)
        return turn

    monkeypatch.setattr(rate_module.Rate, "take", take_and_pause)
    monkeypatch.setattr("tasks.sending.drain.FRESH_SECONDS", 0.0)  # so it looks again before it sends
    engine.send(run)
    assert (len(handed_over), engine.status(run)) == (0, "paused")
    assert count(engine, "SELECT tokens::int FROM rate_buckets") == 100


def test_a_run_that_is_paused_while_it_waits_for_a_token_ends(make_engine, handed_over):
    engine = make_engine(contacts=3, email_rate_per_minute=1)
    run = engine.planned()
    thread = engine.send_in_thread(run)
    wait_until(lambda: count(engine, "SELECT count(*) FROM rate_turns WHERE waits_until > now()") == 1)
    with engine.database.transaction(None) as session:
        pause_campaign(session, engine.organization_id, run.campaign_id)
    thread.join(timeout=30)
    assert not thread.is_alive()
    assert len(handed_over) == 1
    assert count(engine, "SELECT count(*) FROM rate_turns WHERE waits_until IS NOT NULL") == 0


def test_two_campaigns_share_an_account_whatever_their_sizes(make_engine, handed_over):
    engine = make_engine(contacts=1, sms_rate_per_minute=2400)
    large = _bulk(engine, 1500, batch_size=10)
    small = _bulk(engine.another(), 110, batch_size=5)
    is_over = threading.Event()
    thread = threading.Thread(target=lambda: engine.send(large, stop=is_over.is_set))
    thread.start()
    wait_until(lambda: len(handed_over) > 0)
    engine.send(small)
    is_over.set()
    thread.join()
    first, *_, last = places = handed_over.places(small.id)
    beside = sum(first < place < last for place in handed_over.places(large.id))
    assert len(places) == 110
    assert abs(beside - 110) <= 0.2 * 110, f"{beside} of the large one beside 110 of the small one."


def _bulk(engine: Engine, people: int, *, batch_size: int) -> Run:
    run_id = small_run(engine, RunKind.BULK, [f"+3706{no:07d}" for no in range(people)]).run_id
    with engine.database.transaction(None) as session:
        session.execute(text("UPDATE runs SET batch_size = :size WHERE id = :id"), {"size": batch_size, "id": run_id})
    return engine.find(run_id)


def test_a_single_message_does_not_wait_for_a_campaign_of_others(make_engine, handed_over):
    large = make_engine(contacts=1000, email_rate_per_minute=6000)
    second = large.another()
    run = large.planned(batch_size=500)
    is_over = threading.Event()
    thread = threading.Thread(target=lambda: large.send(run, stop=is_over.is_set))
    with sending(large, "email"):
        thread.start()
        wait_until(lambda: len(handed_over) > 100)  # the full bucket is used up
        for no in range(10):
            before = len(handed_over)
            [id_] = singles(second, "email", [f"otp{no}@example.com"])
            wait_until(lambda: id_ in handed_over.ids)  # noqa: B023
            assert handed_over.order.index(id_) - before < 200, "It waited for the campaign."
        is_over.set()
        thread.join()
