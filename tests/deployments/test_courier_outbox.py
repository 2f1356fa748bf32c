"""The courier's part in what is no campaign's: waking up, flagging what is lost, starting draining flows."""

from collections.abc import Iterator

import pytest
from sqlalchemy import text

from deployments import courier_drainers
from deployments.courier import Courier
from deployments.courier_children import DRAINER
from models.pipelines import SEND_BULK
from models.rules.lifecycle import RunKind
from models.session import Database, Role
from models.store import heartbeats
from models.store.outbox import claim, notify
from tasks.sending import outbox as outbox_module
from tests.support.engine import Engine
from tests.support.outbox import count, message_states, singles, small_run, wait_until

NUMBERS = [f"+3706{no:07d}" for no in range(150)]


@pytest.fixture
def engine(settings) -> Iterator[Engine]:
    database = Database(settings, Role.ENGINE)
    # Nothing listens there: Prefect is away.
    yield Engine.create(settings.with_values(prefect_api_url="http://127.0.0.1:9/api"), database, contacts=1)
    database.close()


@pytest.fixture
def make_courier(engine) -> Iterator:
    made = []

    def make(**values: object) -> Courier:
        made.append(Courier(engine.settings.with_values(**values)))
        return made[-1]

    yield make
    for courier in made:
        courier.stop()


@pytest.fixture
def started(monkeypatch) -> list[RunKind]:
    """The kinds for which the courier started draining flows."""
    kinds: list[RunKind] = []
    monkeypatch.setattr(courier_drainers, "start_drainer", lambda _, kind: kinds.append(kind))
    return kinds


def _let_it_wait(engine: Engine, seconds: int) -> None:
    with engine.database.transaction(None) as session:
        session.execute(
            text("UPDATE chunks SET created_at = now() - make_interval(secs => :seconds)"), {"seconds": seconds}
        )


@pytest.mark.parametrize("listens", [True, False])
def test_both_channels_are_sent_with_listen_and_without(engine, make_courier, listens):
    make_courier(courier_listens=listens).start()
    singles(engine, "sms", NUMBERS[:3])
    singles(engine, "email", ["ann@example.com"])
    wait_until(lambda: message_states(engine) == {"accepted": 4})


def test_a_courier_that_sleeps_is_woken(engine, make_courier, monkeypatch):
    monkeypatch.setattr(outbox_module, "POLL_SECONDS", 3600.0)
    make_courier().start()
    wait_until(lambda: count(engine, "SELECT count(*) FROM pg_stat_activity WHERE query = 'LISTEN outbox'") > 0)
    singles(engine, "sms", NUMBERS[:1])
    notify(engine.database)
    wait_until(lambda: message_states(engine) == {"accepted": 1})


def test_what_a_dead_courier_claimed_is_flagged(engine, make_courier):
    singles(engine, "sms", NUMBERS[:3])
    with engine.database.transaction(None) as session:
        assert len(claim(session, "sms", who="dead", seconds=0, limit=10)) == 3
    make_courier().tick()
    assert message_states(engine) == {"uncertain": 3}


def test_a_flow_is_started_for_runs_that_wait_and_only_once(engine, make_courier, started):
    courier = make_courier()
    small_run(engine, RunKind.BULK, NUMBERS)
    courier.tick()
    assert started == []  # the API has just asked for one
    _let_it_wait(engine, 3)
    courier.tick()
    courier.tick()
    assert started == [RunKind.BULK]


@pytest.mark.parametrize(("waited", "alive", "starts"), [(3, 1, 0), (20, 1, 1), (20, 2, 0)])
def test_more_flows_are_started_only_for_what_waits_long(engine, make_courier, started, waited, alive, starts):
    small_run(engine, RunKind.BULK, NUMBERS)
    _let_it_wait(engine, waited)
    with engine.database.transaction(None) as session:
        for no in range(alive):
            heartbeats.beat(session, f"flow {no}", SEND_BULK, {})
    make_courier().tick()
    assert len(started) == starts


def test_a_run_that_nobody_takes_is_sent_by_the_courier(engine, make_courier, started):
    run = engine.find(small_run(engine, RunKind.BULK, NUMBERS).run_id)
    with engine.database.transaction(None) as session:
        session.execute(text("UPDATE runs SET alive_at = now() - interval '1 minute'"))
    courier = make_courier()
    adopted = []
    courier._children.start = lambda *started: adopted.append(started) or True  # type: ignore[method-assign]
    courier.tick()
    assert adopted == [(DRAINER, str(run.id), "1")]
