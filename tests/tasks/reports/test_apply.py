"""Reports on their way: from a provider's answer into events, states and counts."""

import threading
from collections.abc import Callable
from uuid import uuid4

import pytest
from sqlalchemy import text

from models.rules.reports import ReportKind
from tasks.reports.apply import apply_batch, apply_due
from tests.support.engine import Engine
from tests.support.outbox import count, wait_until
from tests.support.reports import Said, come_in, left_behind, report

DELIVERED, OPENED = ReportKind.DELIVERED, ReportKind.OPENED
EXPECTED = {
    "bounce@example.com": "bounced",
    "click@example.com": "clicked",
    "complain@example.com": "complained",
    "lostanswer@example.com": "delivered",
    "open@example.com": "opened",
    "open+2@example.com": "opened",
    "proxyopen@example.com": "delivered",
    "reject@example.com": "failed",
    "silent@example.com": "accepted",
    "softbounce@example.com": "bounced",
    "somebody@example.com": "delivered",
    "uncertain@example.com": "uncertain",
    "unsubscribe@example.com": "opened",
}


def _sent(make_engine: Callable[..., Engine], *people: str) -> Engine:
    engine = make_engine(people=people)
    engine.send(engine.planned())
    return engine


def _everything_is_due(engine: Engine) -> None:
    with engine.database.transaction(None) as session:
        session.execute(text("UPDATE incoming_events SET due_at = now()"))


def _states(engine: Engine) -> dict[str, str]:
    return {row[0]: row[1] for row in left_behind(engine.database, engine.organization_id)["messages"]}


def test_the_sandbox_reports_what_its_recipients_ask_for(make_engine: Callable[..., Engine]) -> None:
    engine = _sent(make_engine, *(address.partition("@")[0] for address in EXPECTED))
    _everything_is_due(engine)
    apply_due(engine.database)
    assert _states(engine) == EXPECTED
    left = left_behind(engine.database, engine.organization_id)
    [totals] = left["totals"]
    assert (totals.sent, totals.uncertain, totals.failed) == (11, 1, 1)
    assert (totals.delivered, totals.opened, totals.clicked, totals.bounced, totals.complained) == (8, 4, 1, 2, 1)
    assert (totals.unsubscribed, left["days"]) == (1, [("email", 11, 8, 4, 1, 2, 1, 1)])
    assert {row[1]: row[2] for row in left["suppressions"]} == {
        "bounce@example.com": "hard_bounce",
        "complain@example.com": "complaint",
        "unsubscribe@example.com": "unsubscribed",
    }
    assert left["links"] == [("https://example.com/", 1, 1)]
    assert sum(row[2] for row in left["clients"]) == 4


def test_a_report_waits_until_it_is_due(make_engine: Callable[..., Engine]) -> None:
    engine = _sent(make_engine, "somebody")
    with engine.database.transaction(None) as session:
        session.execute(text("UPDATE incoming_events SET due_at = now() + interval '1 hour'"))
    assert apply_due(engine.database) == 0
    assert _states(engine) == {"somebody@example.com": "accepted"}


def test_a_report_that_overtook_the_answer_waits_for_it(make_engine: Callable[..., Engine]) -> None:
    engine = make_engine(people=["silent"])
    run = engine.planned()
    said = Said("silent@example.com", DELIVERED)
    come_in(engine.database, engine.organization_id, [said])
    with engine.database.transaction(None) as session:
        session.execute(text("UPDATE incoming_events SET occurred_at = now()"))
    assert apply_due(engine.database) == 1
    assert _states(engine) == {"silent@example.com": "planned"}
    engine.send(run)
    _everything_is_due(engine)
    assert apply_due(engine.database) == 1
    assert _states(engine) == {"silent@example.com": "delivered"}


def test_reports_about_nothing_or_of_others_are_dropped(make_engine: Callable[..., Engine]) -> None:
    engine = _sent(make_engine, "silent")
    come_in(
        engine.database,
        engine.organization_id,
        [Said("silent@example.com", DELIVERED, 0), Said("silent@example.com", OPENED, 1)],
    )
    with engine.database.transaction(None) as session:
        session.execute(text("UPDATE incoming_events SET message_id = :id WHERE kind = 'opened'"), {"id": uuid4()})
        session.execute(
            text("UPDATE incoming_events SET organization_id = :id WHERE kind = 'delivered'"), {"id": uuid4()}
        )
    assert apply_due(engine.database) == 2
    left = left_behind(engine.database, engine.organization_id)
    assert (left["events"], left["waiting"]) == ([], [(0,)])
    assert _states(engine) == {"silent@example.com": "accepted"}


def test_a_proof_moves_the_counters_and_has_the_results_written_anew(make_engine: Callable[..., Engine]) -> None:
    engine = make_engine(people=["uncertain", "silent"])
    run = engine.planned()
    engine.send(run)
    engine.close(run)
    balance = engine.balance()
    with engine.database.transaction(None) as session:
        session.execute(text("UPDATE runs SET results_blob_id = gen_random_uuid()"))
    report(engine, Said("uncertain@example.com", ReportKind.BOUNCED, 0, {"bounce_type": "hard", "code": "5.1.1"}))
    totals = engine.totals(run)
    assert (totals.sent, totals.uncertain, totals.bounced) == (2, 0, 1)
    assert engine.balance() == balance  # an accepted message is not refunded, whatever becomes of it
    assert engine.run(run).results_blob_id is None
    left = left_behind(engine.database, engine.organization_id)
    assert {row[0]: row[1:3] for row in left["messages"]}["uncertain@example.com"] == ("bounced", "5.1.1")


@pytest.mark.parametrize(("kind", "code"), [(ReportKind.FAILED, "undelivered"), (ReportKind.EXPIRED, "expired")])
def test_an_sms_that_did_not_arrive_says_why(make_engine: Callable[..., Engine], kind, code) -> None:
    engine = _sent(make_engine, "silent")
    with engine.database.transaction(None) as session:
        session.execute(text("UPDATE messages SET channel = 'sms', recipient = '+37061234567'"))
    report(engine, Said("+37061234567", kind), Said("+37061234567", ReportKind.UNSUBSCRIBED, 1))
    left = left_behind(engine.database, engine.organization_id)
    assert left["messages"][0][1:3] == ("bounced", code)
    assert [row[:3] for row in left["suppressions"]] == [("sms", "+37061234567", "unsubscribed")]
    assert left["contacts"] == [("silent@example.com", "active")]  # mail may still be sent to them


def test_an_applier_waits_for_the_run_before_it_has_any_message(make_engine: Callable[..., Engine]) -> None:
    """Evidence holds the run and then wants the message: who has the message must not want the run."""
    engine = _sent(make_engine, "silent")
    come_in(engine.database, engine.organization_id, [Said("silent@example.com", DELIVERED)])
    thread = threading.Thread(target=lambda: apply_due(engine.database))
    with engine.database.transaction(None) as session:
        session.execute(text("SELECT 1 FROM runs FOR UPDATE"))
        thread.start()
        wait_until(lambda: count(engine, "SELECT count(*) FROM pg_locks WHERE NOT granted") > 0)
        assert len(session.execute(text("SELECT id FROM messages FOR UPDATE NOWAIT")).all()) == 1
    thread.join()
    assert _states(engine) == {"silent@example.com": "delivered"}


def test_several_apply_at_once_and_each_report_counts_once(make_engine: Callable[..., Engine]) -> None:
    people = [f"silent+{no}" for no in range(200)]
    engine = _sent(make_engine, *people)
    reports = [Said(f"{each}@example.com", kind, 1) for each in people for kind in (DELIVERED, OPENED)]
    come_in(engine.database, engine.organization_id, reports * 2)

    def apply() -> None:
        while True:
            with engine.database.transaction(None) as session:
                if not apply_batch(session, limit=30):
                    return

    threads = [threading.Thread(target=apply) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    left = left_behind(engine.database, engine.organization_id)
    assert (left["totals"][0].delivered, left["totals"][0].opened) == (200, 200)
    assert (len(left["events"]), left["waiting"]) == (400, [(0,)])
    assert left["days"] == [("email", 200, 200, 200, 0, 0, 0, 0)]
