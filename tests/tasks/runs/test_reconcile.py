"""Reconciling as a whole: beside what is being sent, of one organization or all, and what is kept of it."""

import itertools
import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from sqlalchemy import text

import tests.support.engine
from models.errors import NotFound
from models.rules.lifecycle import RunKind
from models.session import Database
from models.store.laws import Law
from models.store.reconcile import last_reconciliation, snapshot, span_of
from models.tables import Reconciliation
from tasks.reports.apply import apply_due
from tasks.runs import reconcile as reconciling
from tasks.runs.control import pause_campaign, resume_campaign
from tasks.runs.reconcile import reconcile
from tests.support.books import broken_laws
from tests.support.engine import Engine
from tests.support.outbox import sending, singles, small_run

_KINDS = ["click", "open", "defer", "reject", "uncertain", "lostanswer", "complain"]


@contextmanager
def _busy(engine: Engine) -> Iterator[None]:
    """Singles and batches come in and are sent, reports are applied, until the block ends."""
    ended = threading.Event()

    def report() -> None:
        while not ended.is_set():
            with engine.database.transaction(None) as session:
                session.execute(text("UPDATE incoming_events SET due_at = now() WHERE due_at > now()"))
            apply_due(engine.database)

    def request() -> None:
        for n in itertools.count():
            if ended.is_set():
                return
            singles(engine, "email", [f"s{n}@example.com", "reject@example.com"])
            small_run(engine, RunKind.BATCH, [f"b{n}@example.com", "defer@example.com"])

    threads = [threading.Thread(target=report), threading.Thread(target=request)]
    with sending(engine, "email"):
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            ended.set()
            for thread in threads:
                thread.join(timeout=30)


def test_what_is_being_sent_meanwhile_is_no_difference(make_engine: Callable[..., Engine]) -> None:
    """A campaign with second tries is paused and resumed, beside all else, and looked at all the time."""
    engine = make_engine(people=[*(f"c{n}" for n in range(1500)), *_KINDS], chunk_size=200)
    run = engine.planned(batch_size=20)
    epoch, looks = 1, 0
    with _busy(engine):
        while engine.states(run)["planned"] + engine.states(run)["deferred"]:
            sender = engine.send_in_thread(run, epoch=epoch)
            try:
                _check(engine)
                with engine.database.transaction(None) as session:
                    pause_campaign(session, engine.organization_id, run.campaign_id)
                _check(engine)
            finally:
                sender.join(timeout=30)
            with engine.database.transaction(None) as session:
                epoch = resume_campaign(session, engine.organization_id, run.campaign_id)[1].epoch
            engine.plan(run)
            engine.make_retries_due(run)
            engine.requeue(run)
            looks += 2
    assert looks >= 4  # the second tries alone take a second round
    assert engine.close(run) is not None
    _check(engine)


def _check(engine: Engine) -> None:
    reconciled = reconcile(engine.database)
    assert reconciled.is_clean, [each for result in reconciled.results for each in result.differences]


@pytest.fixture
def two(make_engine: Callable[..., Engine], monkeypatch: pytest.MonkeyPatch) -> tuple[Engine, Engine]:
    """Acme, whose books are in order, and Globex, where somebody took a credit."""
    acme = make_engine(contacts=2)
    monkeypatch.setattr(tests.support.engine, "DOMAIN", "globex.example.com")
    globex = make_engine(contacts=2)
    with globex.database.transaction(None) as session:
        session.execute(
            text("UPDATE organizations SET balance = balance - 1 WHERE id = :id"), {"id": globex.organization_id}
        )
    return acme, globex


def test_each_organization_is_looked_at_alone(two: tuple[Engine, Engine]) -> None:
    acme, globex = two
    assert reconcile(acme.database, acme.organization_id).is_clean
    broken = reconcile(globex.database, globex.organization_id)
    assert (broken.organizations, broken_laws(broken)) == (1, {"ledger_sum", "ledger_last"})
    whole = reconcile(acme.database)
    assert (whole.organizations, whole.differing) == (2, 2)
    assert {each.organization_id for result in whole.results for each in result.differences} == {globex.organization_id}
    assert whole.summary.startswith("2 differences in ")
    with pytest.raises(NotFound):
        reconcile(acme.database, uuid4())


def test_what_came_of_all_is_kept_and_forgotten_after_a_year(two: tuple[Engine, Engine]) -> None:
    acme = two[0]
    with acme.database.transaction(None) as session:
        assert last_reconciliation(session) is None
        old = Reconciliation(
            id=uuid4(),
            started_at=datetime.now(UTC) - timedelta(days=500),
            organizations=1,
            comparisons=1,
            differences=1,
            unfinished=0,
        )
        session.add(old)
    reconcile(acme.database)
    reconcile(acme.database, acme.organization_id)  # of one, which says nothing of all
    with acme.database.transaction(None) as session:
        last = last_reconciliation(session)
        kept = session.execute(text("SELECT organization_id, details FROM reconciliations ORDER BY finished_at")).all()
    assert last is not None
    assert (last.differences, last.unfinished) == (2, 0)
    assert [tuple(row) for row in kept] == [(None, {"ledger_sum": 1, "ledger_last": 1}), (acme.organization_id, {})]


def test_a_law_that_takes_too_long_is_named_and_the_others_are_looked_through(
    two: tuple[Engine, Engine], monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = Law("slow", "Is slow.", "SELECT %(organization)s::uuid AS organization, '' AS subject, pg_sleep(9)::text"
               " AS expected, '' AS found")  # fmt: skip
    monkeypatch.setattr(reconciling, "LAWS", (slow, *reconciling.LAWS))
    reconciled = reconcile(two[0].database, two[0].organization_id, law_seconds=0.2)
    assert (reconciled.differing, reconciled.unfinished, reconciled.is_clean) == (0, 1, False)
    assert reconciled.comparisons > 0
    assert reconciled.summary.endswith("not finished in time: slow")


def test_differences_are_logged_and_shown_up_to_a_limit(
    two: tuple[Engine, Engine], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    globex = two[1]
    singles(globex, "email", [f"x{n}@example.com" for n in range(30)])
    with globex.database.transaction(None) as session:
        session.execute(text("UPDATE messages SET cost = cost + 1"))
    monkeypatch.setattr(reconciling, "SHOWN_MAX", 10)
    monkeypatch.setattr(reconciling, "_LOGGED_MAX", 5)
    with caplog.at_level(logging.ERROR):
        reconciled = reconcile(globex.database)
    [of_singles] = [result for result in reconciled.results if result.law.name == "singles"]
    assert (of_singles.differing, len(of_singles.differences)) == (30, 10)
    assert len(caplog.messages) == 6
    assert "27 differences more are not logged." in caplog.messages[-1]
    assert any("expected 1.0100, found 0.0100" in message for message in caplog.messages)


def test_runs_are_looked_at_that_were_open_within_the_days(
    make_engine: Callable[..., Engine], database: Database
) -> None:
    engine = make_engine(contacts=2)
    today = datetime.now(UTC).date()
    assert _span(database, engine) == (today - timedelta(days=35), today - timedelta(days=37))
    run = engine.planned()
    with database.transaction(None) as session:
        session.execute(text("UPDATE runs SET created_at = now() - interval '100 days'"))
    assert _span(database, engine) == (today - timedelta(days=35), today - timedelta(days=101))
    with database.transaction(None) as session:
        session.execute(text("UPDATE runs SET finished_at = now() - interval '60 days' WHERE id = :id"), {"id": run.id})
    assert _span(database, engine) == (today - timedelta(days=35), today - timedelta(days=37))


def _span(database: Database, engine: Engine) -> tuple[object, object]:
    with snapshot(database) as session:
        span = span_of(session, engine.organization_id, days=35)
    return span.since, span.reach
