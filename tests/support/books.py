"""An organization with something in every place that is reconciled, and the look at it."""

from collections.abc import Callable
from uuid import UUID

from models.rules.lifecycle import RunKind
from models.rules.reports import ReportKind
from models.session import Database
from tasks.reports.apply import apply_due
from tasks.runs.reconcile import Reconciled, reconcile
from tests.support.engine import Engine
from tests.support.outbox import send_everything, singles, small_run
from tests.support.reports import Said, come_in, report
from tests.support.sms import REFUSED, UNCERTAIN, add_people, add_sender, number, sms_campaign

# What the sandbox does with them is in their names.
PEOPLE = ["ada", "ben", "cid", "dora", "reject", "uncertain", "click", "open", "bounce", "complain", "defer", "gone"]


def broken_laws(reconciled: Reconciled) -> set[str]:
    """The names of the laws that do not hold."""
    assert reconciled.unfinished == 0
    return {result.law.name for result in reconciled.results if result.differing}


def check_books(database: Database, organization_id: UUID | None = None) -> None:
    """Every law holds."""
    reconciled = reconcile(database, organization_id)
    assert reconciled.is_clean, [each for result in reconciled.results for each in result.differences]


def full_books(make_engine: Callable[..., Engine]) -> Engine:
    """One of each: campaigns that ended, are being sent, wait; of SMS; batches; singles sent or waiting; reports."""
    engine = make_engine(people=PEOPLE)
    _ended_campaign(engine)
    engine.send(engine.planned())  # somebody waits for a second try
    engine.planned()
    engine.accept(engine.campaign())
    small_run(engine, RunKind.BATCH, ["ada@example.com", "reject@example.com"])
    singles(engine, "email", ["ada@example.com", "reject@example.com"])
    send_everything(engine, "email")
    singles(engine, "email", ["later@example.com"])
    _ended_sms_campaign(engine)
    come_in(engine.database, engine.organization_id, [Said("ben@example.com", ReportKind.OPENED, 8)])
    return engine


def _ended_campaign(engine: Engine) -> None:
    run = engine.planned()
    engine.suppress("gone@example.com")
    engine.send(run)
    engine.make_retries_due(run)
    assert engine.requeue(run) == 1
    engine.send(run)
    assert engine.close(run) is not None
    engine.suppress("dora@example.com")  # who is dropped by the plans that follow
    clicked = {"url": "https://example.com/a", "user_agent": "Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0"}
    report(engine, Said("ada@example.com", ReportKind.CLICKED, 5, clicked))
    report(engine, Said("ben@example.com", ReportKind.OPENED, 6), Said("cid@example.com", ReportKind.UNSUBSCRIBED, 7))
    apply_due(engine.database)


def _ended_sms_campaign(engine: Engine) -> None:
    add_sender(engine)
    add_people(engine, [{"phone": phone} for phone in (number(1), number(2), REFUSED, UNCERTAIN)])
    run = engine.accept(sms_campaign(engine, "Hello"))
    engine.plan(run)
    engine.send(run)
    assert engine.close(run) is not None
