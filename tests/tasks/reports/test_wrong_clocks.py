"""Reports between machines whose clocks are wrong: what counts is the clock of the database."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from sqlalchemy import text

from models.rules.ids import new_id
from models.rules.reports import ReportKind
from models.store.callbacks import receive_events
from tasks.providers.callbacks import ProviderEvent
from tasks.reports.apply import apply_due
from tasks.reports.receiving import rows_of
from tests.support.callbacks import dropped, one, state
from tests.support.engine import Engine
from tests.support.outbox import singles

PROVIDER = "acme:1"
HOUR = timedelta(hours=1, minutes=1)
NUMBER = "+37060000001"


def _came(engine: Engine, off: timedelta, **values: object) -> None:
    """A report of just now comes in by a machine whose clock is `off`."""
    there = datetime.now(UTC) + off
    event = ProviderEvent(f"{new_id()}", ReportKind.DELIVERED, there, **values)
    with engine.database.transaction(None) as session:
        receive_events(session, PROVIDER, None, there, rows_of([event], there).events, [])


@pytest.mark.parametrize("off", [HOUR, -HOUR])
def test_a_report_is_applied_at_once_whatever_time_its_receiver_has(make_engine, off: timedelta) -> None:
    engine = make_engine()
    [message] = singles(engine, "sms", [NUMBER])
    with engine.database.transaction(None) as session:
        session.execute(text("UPDATE messages SET state = 'accepted', sent_at = now()"))
    _came(engine, off, message_id=message)
    apply_due(engine.database)
    assert state(engine.database, message) == "delivered"


@pytest.mark.parametrize("off", [HOUR, -HOUR])
def test_a_report_that_overtook_its_answer_waits_whatever_time_its_receiver_has(make_engine, off: timedelta) -> None:
    engine = make_engine()
    _came(engine, off, provider_ref="not yet known")
    apply_due(engine.database)
    assert one(engine.database, "SELECT count(*) FROM incoming_events WHERE looks = 1") == 1
    assert dropped(engine.database) == {}


def test_reports_that_are_early_wait_whatever_time_the_courier_has(make_engine) -> None:
    engine = make_engine()
    [message] = singles(engine, "sms", [NUMBER])
    _came(engine, timedelta(0), message_id=message)
    _came(engine, timedelta(0), provider_ref="not yet known")
    with time_machine.travel(datetime.now(UTC) + timedelta(days=2)):
        apply_due(engine.database)
    assert one(engine.database, "SELECT count(*) FROM incoming_events WHERE due_at > now()") == 2
    assert dropped(engine.database) == {}
