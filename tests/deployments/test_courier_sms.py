"""SMS campaigns and the courier: sent at their hour, completed when their reports are there."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from deployments.courier import Courier
from models.session import Database, Role
from models.store.campaign_states import complete_reported
from tests.support.engine import Engine
from tests.support.outbox import count, wait_until
from tests.support.sms import EXPIRED, REFUSED, UNCERTAIN, UNDELIVERED, add_people, add_sender, number, sms_campaign


@pytest.fixture
def engine(settings) -> Iterator[Engine]:
    database = Database(settings, Role.ENGINE)
    # Nothing listens there: Prefect is away.
    engine = Engine.create(settings.with_values(prefect_api_url="http://127.0.0.1:9/api"), database, contacts=1)
    add_sender(engine)
    yield engine
    database.close()


@pytest.fixture
def courier(engine) -> Iterator[Courier]:
    courier = Courier(engine.settings)
    yield courier
    courier.stop()


def _execute(engine: Engine, statement: str, **values: object) -> None:
    with engine.database.transaction(None) as session:
        session.execute(text(statement), values)


def _sent(engine: Engine, numbers: list[str], *, reported: bool = False):
    """The run of a campaign that was handed over to the sandbox, which reports nothing unless it is `reported`."""
    add_people(engine, [{"phone": phone} for phone in numbers])
    run = engine.accept(sms_campaign(engine, "Hello"))
    engine.plan(run)
    engine.send(run)
    if not reported:
        _execute(engine, "DELETE FROM incoming_events")
    engine.close(run)
    assert engine.status(run) == "sent"
    return run


def _report(engine: Engine, phone: str, state: str) -> None:
    """What applying a report does: the message's state, and the run's counter."""
    _execute(engine, "UPDATE messages SET state = :state WHERE recipient = :phone", state=state, phone=phone)
    _execute(engine, f"UPDATE runs SET total_{state} = total_{state} + 1")


def _complete(engine: Engine) -> None:
    with engine.database.transaction(None) as session:
        complete_reported(session, report_hours=72)


@pytest.mark.parametrize(("minutes_ago", "status"), [(1, "sending"), (61, "failed")])
def test_a_scheduled_campaign_goes_out_at_its_hour_or_not_at_all(engine, courier, minutes_ago, status) -> None:
    add_people(engine, [{"phone": number(1)}])
    at = datetime.now(UTC) - timedelta(minutes=minutes_ago)
    campaign = sms_campaign(engine, status="scheduled", scheduled_at=at)
    courier.tick()
    with engine.database.transaction(None) as session:
        found = session.execute(text("SELECT status FROM campaigns WHERE id = :id"), {"id": campaign}).scalar_one()
    assert found == status


def test_a_campaign_is_completed_when_every_message_has_its_report(engine, courier) -> None:
    run = _sent(engine, [number(1), number(2), REFUSED, UNCERTAIN])
    courier.tick()
    assert engine.status(run) == "sent"
    _report(engine, number(1), "delivered")
    _complete(engine)
    assert engine.status(run) == "sent"
    _report(engine, number(2), "bounced")
    _complete(engine)
    assert engine.status(run) == "completed"


def test_what_the_sandbox_reports_completes_a_campaign(engine, courier) -> None:
    run = _sent(engine, [number(1), number(2), UNDELIVERED, EXPIRED, REFUSED], reported=True)
    _execute(engine, "UPDATE incoming_events SET due_at = now()")
    courier.start()
    wait_until(lambda: count(engine, "SELECT count(*) FROM incoming_events") == 0)
    _complete(engine)
    totals = engine.totals(run)
    assert (totals.sent, totals.delivered, totals.bounced, totals.failed) == (4, 2, 2, 1)
    assert engine.status(run) == "completed"


def test_a_report_on_an_uncertain_message_does_not_stand_for_one_that_is_missing(engine) -> None:
    run = _sent(engine, [number(1), UNCERTAIN])
    _report(engine, UNCERTAIN, "delivered")
    _complete(engine)
    assert engine.status(run) == "sent"


def test_a_campaign_of_which_nothing_was_accepted_is_completed_at_once(engine, courier) -> None:
    run = _sent(engine, [REFUSED])
    courier.tick()
    assert engine.status(run) == "completed"


@pytest.mark.parametrize(("hours", "status"), [(71, "sent"), (73, "completed")])
def test_after_three_days_no_report_is_waited_for(engine, hours, status) -> None:
    run = _sent(engine, [number(1)])
    _execute(engine, "UPDATE runs SET finished_at = now() - make_interval(hours => :hours)", hours=hours)
    _complete(engine)
    assert engine.status(run) == status
