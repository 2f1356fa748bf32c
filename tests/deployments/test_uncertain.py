"""`exosend uncertain`, as an operator uses it."""

import json
from collections.abc import Callable, Iterator

import pytest
from sqlalchemy import text

from deployments.courier import Courier
from models.errors import NotFound
from models.session import Database, Role
from models.settings import Settings
from tests.support.engine import Engine
from tests.support.outbox import send_everything, singles
from tests.support.uncertain import check_counters, ended_run, ripen

Exosend = Callable[..., str]
PEOPLE = [f"uncertain+{no}" for no in range(6)] + [f"c{no}" for no in range(4)]


@pytest.fixture
def engine(settings: Settings) -> Iterator[Engine]:
    database = Database(settings, Role.ENGINE, pool_size=5)
    yield Engine.create(settings, database, people=PEOPLE)
    database.close()


def test_they_are_found_listed_and_resolved(exosend: Exosend, engine: Engine) -> None:
    run = ended_run(engine)
    [found] = [json.loads(line) for line in exosend("uncertain", "list", "--json").splitlines()]
    assert (found["run_id"], found["messages"], found["message_id"]) == (str(run.id), 6, None)
    listed = exosend("uncertain", "list", str(run.id)).splitlines()
    assert len(listed) == 6
    assert all("uncertain+" in line and "sandbox" in line for line in listed)
    told = json.loads(exosend("uncertain", "resolve", str(run.id), "--as", "failed", "--json"))
    assert told == {"uncertain": 6, "done": {"fail": 6}}
    assert engine.states(run) == {"failed": 6, "accepted": 4}
    assert "Nothing" in exosend("uncertain", "resolve", str(run.id), "--as", "accepted")
    assert exosend("uncertain", "list") == ""
    check_counters(engine, run)


def test_a_single_message_is_resolved_by_its_id(exosend: Exosend, engine: Engine) -> None:
    [id_] = singles(engine, "email", ["uncertain@example.com"])
    send_everything(engine, "email")
    assert str(id_) in exosend("uncertain", "list")
    assert "accept 1" in exosend("uncertain", "resolve", str(id_), "--as", "accepted")


def test_the_courier_does_what_the_policy_says(exosend: Exosend, engine: Engine) -> None:
    assert "fail" in exosend("uncertain", "policy", str(engine.organization_id), "fail")
    run = ended_run(engine)
    ripen(engine)
    courier = Courier(engine.settings)
    courier.tick()
    courier.stop()
    assert engine.states(run) == {"failed": 6, "accepted": 4}
    exosend("uncertain", "policy", str(engine.organization_id), "default")
    with engine.database.transaction(None) as session:
        assert session.execute(text("SELECT uncertain_policy FROM organizations")).scalar_one() is None
        audited = session.execute(text("SELECT details FROM audit_log WHERE action = 'uncertain.policy'")).scalars()
        assert [entry["policy"] for entry in audited] == ["fail", "default"]


@pytest.mark.parametrize("id_", ["x", "01a00000-0000-7000-8000-000000000000"])
def test_what_is_not_there_is_said(exosend: Exosend, engine: Engine, id_: str) -> None:
    for command in (["list", id_], ["resolve", id_, "--as", "failed"], ["policy", id_, "hold"]):
        with pytest.raises(NotFound):
            exosend("uncertain", *command)
