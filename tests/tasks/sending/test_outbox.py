"""What sends singles and small runs: outcomes, counters, money, and who must not wait for whom."""

from decimal import Decimal

from sqlalchemy import text

from models.rules.lifecycle import RunKind
from models.store.outbox import claim
from tasks.providers.sandbox import SandboxProvider
from tests.support.engine import Engine
from tests.support.outbox import (
    check_money,
    count,
    due,
    message_states,
    send_everything,
    sending,
    singles,
    small_run,
    wait_until,
)
from tests.support.processes import mail_server

NUMBER = "+37060000{:03d}"
REJECTED, DEFERRED, UNCERTAIN, SLOW = "+12025550150", "+12025550151", "+12025550153", "+12025550156"


def _row(engine: Engine, id_: object) -> tuple[object, ...]:
    with engine.database.transaction(None) as session:
        return tuple(
            session.execute(
                text("SELECT state, provider, error_code, tries FROM messages WHERE id = :id"), {"id": id_}
            ).one()
        )


def test_a_single_sms_is_handed_over_and_leaves_the_outbox(make_engine):
    engine = make_engine(contacts=1)
    [id_] = singles(engine, "sms", [NUMBER.format(1)])
    send_everything(engine, "sms")
    assert _row(engine, id_) == ("accepted", "sandbox", None, 1)
    assert count(engine, "SELECT count(*) FROM outbox") == 0
    assert count(engine, "SELECT sum(sent) FROM daily_counts WHERE channel = 'sms'") == 1


def test_a_single_email_arrives_once(make_engine, tmp_path):
    with mail_server(tmp_path) as server:
        engine = make_engine(contacts=1, smtp_url=server.url)
        singles(engine, "email", ["ann@example.com"])
        send_everything(engine, "email")
        assert server.accepted() == {"ann@example.com": 1}


def test_what_no_provider_took_is_refunded_once(make_engine):
    engine = make_engine(contacts=1, credits_="1")
    refused, uncertain, _ = singles(engine, "sms", [REJECTED, UNCERTAIN, NUMBER.format(1)])
    send_everything(engine, "sms")
    assert _row(engine, refused)[0] == "failed"
    assert _row(engine, uncertain)[0] == "uncertain"  # it may have it: nothing is refunded
    assert engine.balance() == Decimal("0.98")
    check_money(engine)


def test_who_is_suppressed_by_now_gets_nothing(make_engine, tmp_path):
    with mail_server(tmp_path) as server:
        engine = make_engine(contacts=1, smtp_url=server.url)
        singles(engine, "email", ["ann@example.com", "bob@example.com"])
        engine.suppress("ann@example.com")
        send_everything(engine, "email")
        assert server.accepted() == {"bob@example.com": 1}
        assert message_states(engine) == {"accepted": 1, "suppressed": 1}
        check_money(engine)


def test_a_suppression_of_email_does_not_stop_an_sms(make_engine):
    engine = make_engine(contacts=1)
    engine.suppress(NUMBER.format(1))
    singles(engine, "sms", [NUMBER.format(1)])
    send_everything(engine, "sms")
    assert message_states(engine) == {"accepted": 1}


def test_a_deferred_message_is_tried_again(make_engine):
    engine = make_engine(contacts=1, retry_base_seconds=0.05)
    [id_] = singles(engine, "sms", [DEFERRED])
    with sending(engine, "sms"):
        wait_until(lambda: count(engine, "SELECT count(*) FROM outbox") == 0)
    assert _row(engine, id_) == ("accepted", "sandbox", None, 2)


def test_a_deferred_message_waits_in_the_outbox_and_holds_its_run_open(make_engine):
    engine = make_engine(contacts=1)
    accepted = small_run(engine, RunKind.BULK, [DEFERRED, NUMBER.format(1)])
    send_everything(engine, "sms")
    assert message_states(engine) == {"accepted": 1, "deferred": 1}
    run = engine.find(accepted.run_id)
    assert engine.close(run) is None
    assert count(engine, "SELECT count(*) FROM outbox WHERE claimed_until IS NULL AND due_at > now()") == 1


def test_a_small_run_is_counted_refunded_and_closed(make_engine):
    engine = make_engine(contacts=1, credits_="1")
    recipients = [NUMBER.format(no) for no in range(7)] + [REJECTED, UNCERTAIN]
    accepted = small_run(engine, RunKind.BULK, recipients)
    run = engine.find(accepted.run_id)
    assert engine.close(run) is None
    send_everything(engine, "sms")
    totals = engine.totals(run)
    assert (totals.sent, totals.failed, totals.uncertain, totals.pending) == (7, 1, 1, 0)
    closed = engine.close(run)
    assert closed is not None
    assert (closed.state, closed.refunded, engine.balance()) == ("completed", Decimal("0.01"), Decimal("0.92"))


def test_braces_in_an_sms_go_out_as_they_were_written(make_engine, monkeypatch):
    seen = []
    answer = SandboxProvider._answer
    monkeypatch.setattr(
        SandboxProvider, "_answer", lambda self, message: (seen.append(message), answer(self, message))[1]
    )
    engine = make_engine(contacts=1)
    singles(engine, "sms", [NUMBER.format(1)], "Hello {{ name }} {% raw")
    send_everything(engine, "sms")
    assert [(message.sender, message.content) for message in seen] == [("ACME", b"Hello {{ name }} {% raw")]


def test_a_slow_recipient_holds_up_nobody(make_engine):
    engine = make_engine(contacts=1)
    singles(engine, "email", ["slow+20000@example.com"])
    with sending(engine, "email"):
        wait_until(lambda: count(engine, "SELECT count(*) FROM outbox WHERE claimed_until IS NOT NULL") == 1)
        singles(engine, "email", ["ann@example.com"])
        wait_until(lambda: message_states(engine)["accepted"] == 1)
        assert due(engine) == 1
    # Ended in the middle: handed over, and nobody knows the answer.
    assert message_states(engine) == {"accepted": 1, "uncertain": 1}


def test_an_organization_with_one_message_does_not_wait_for_one_with_thousands(make_engine):
    first = make_engine(contacts=1)
    second = first.another()
    singles(first, "sms", [NUMBER.format(no) for no in range(600)])
    [id_] = singles(second, "sms", [NUMBER.format(700)])
    assert count(first, "SELECT count(*) FROM outbox") == 601
    with first.database.transaction(None) as session:
        window = claim(session, "sms", who="test", seconds=15, limit=200)
    assert id_ in {claimed.message.id for claimed in window}
    assert len(window) == 200
