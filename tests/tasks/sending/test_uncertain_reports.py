"""Uncertain messages of which a report comes, before, while and after somebody decides."""

import threading

import pytest

from models.rules.uncertainty import Decision
from tasks.reports.apply import apply_due
from tests.support.outbox import count
from tests.support.uncertain import check_counters, choose, decide, ended_run, report, resolve, ripen, uncertain_ids

PEOPLE = [f"uncertain+{no}" for no in range(6)] + [f"c{no}" for no in range(4)]


@pytest.fixture
def ended(make_engine):
    """A completed run: six uncertain messages, four accepted."""
    engine = make_engine(people=PEOPLE)
    return engine, ended_run(engine)


@pytest.mark.parametrize("decision", [Decision.ACCEPT, Decision.FAIL])
def test_a_report_that_comes_first_wins(ended, decision):
    engine, run = ended
    some = uncertain_ids(engine, run)[:3]
    decide(engine, run, decision)
    report(engine, some)
    apply_due(engine.database)
    assert engine.states(run) == {"delivered": 3, "uncertain": 3, "accepted": 4}
    assert resolve(engine).total() == 3
    assert engine.states(run)["delivered"] == 3
    check_counters(engine, run)


def test_a_report_after_the_refund_is_kept_and_changes_no_money(ended):
    engine, run = ended
    some = uncertain_ids(engine, run)
    decide(engine, run, Decision.FAIL)
    resolve(engine)
    balance = engine.balance()
    report(engine, some)
    apply_due(engine.database)
    assert engine.states(run) == {"failed": 6, "accepted": 4}
    assert engine.balance() == balance
    assert count(engine, "SELECT count(*) FROM events WHERE kind = 'delivered'") >= 6
    check_counters(engine, run)


def test_couriers_people_and_reports_at_once_decide_each_message_once(ended):
    engine, run = ended
    choose(engine, "fail")
    ripen(engine)
    ids = uncertain_ids(engine, run)
    report(engine, ids[:3])
    decide(engine, run, Decision.ACCEPT, ids[2:4])
    ready = threading.Barrier(4)

    def both(work) -> None:
        ready.wait()
        work()

    works = [lambda: resolve(engine), lambda: resolve(engine), lambda: apply_due(engine.database)]
    works.append(lambda: decide(engine, run, Decision.FAIL, ids[4:]))
    threads = [threading.Thread(target=both, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    resolve(engine)
    assert engine.states(run)["uncertain"] == 0
    assert engine.states(run).total() == 10
    check_counters(engine, run)
