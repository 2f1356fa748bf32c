"""Pause, resume, cancel, kill, takeover, second tries, opt-outs and closes in any order: the promises hold after each.

Two senders at most are moved window by window (tests/support/puppets.py) on real Postgres.
"""

import asyncio
import threading
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, seed, settings
from hypothesis.stateful import run_state_machine_as_test
from sqlalchemy import text

from tasks.sending import drain, journal
from tests.support.interleavings import WINDOW
from tests.support.interleavings_uncertain import UncertainInterleavings
from tests.support.puppets import Puppet
from tests.support.witness import Witness


@pytest.fixture
def loop(monkeypatch) -> Iterator[asyncio.AbstractEventLoop]:
    """An event loop in a thread; look-ups are made anew for each window, and nothing is waited for."""
    monkeypatch.setattr(drain, "FRESH_SECONDS", 0)
    monkeypatch.setattr(journal, "_PAUSE_SECONDS", 0)
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    yield loop
    asyncio.run_coroutine_threadsafe(_end_all(), loop).result(10)
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


async def _end_all() -> None:
    """A test that failed leaves senders behind."""
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)


def test_the_promises_hold_in_whatever_order_things_happen(make_engine, database, loop, trial):
    class Machine(UncertainInterleavings):
        pass

    Machine.make_engine = staticmethod(make_engine)
    Machine.database = database
    Machine.loop = loop
    Machine.found = []
    examples = trial.of(short=max(5, settings.default.max_examples // 10), long=1000)
    run_state_machine_as_test(
        seed(trial.seed)(Machine),
        settings=settings(
            max_examples=examples,
            stateful_step_count=25,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
        ),
    )
    fault = "pause, resume, cancel, kills, opt-outs and second sends in any order"
    trial.write(fault, len(Machine.found), Machine.found)


def test_the_journal_is_written_while_a_window_is_out(make_engine, loop):
    engine = make_engine(people=[f"c{i}" for i in range(10)])
    run = engine.planned(batch_size=WINDOW)
    puppet = Puppet(loop, engine, Witness(), run.id, run.epoch)
    moved = []
    while not puppet.ended:
        with engine.database.transaction(None) as session:
            moved.append(tuple(session.execute(text("SELECT recorded, cursor FROM chunks")).one()))
        puppet.release()
    assert moved == [(0, 4), (2, 6), (4, 8), (6, 10), (8, 10)]
