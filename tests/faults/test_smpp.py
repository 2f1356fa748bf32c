"""Runs over SMPP: every receipt finds its message, and an SMSC that misbehaves costs nobody a message or a cent."""

import json
from collections import Counter

from sqlalchemy import text

from deployments.courier_smpp import SmppThread
from models.tables import Run
from tasks.reports.apply import apply_due
from tests.support.engine import Engine
from tests.support.invariants import examine
from tests.support.outbox import count, wait_until
from tests.support.processes import smsc
from tests.support.sms import add_sender, sms_campaign

WINDOW = 50
ROUNDS = 400  # a throttled window ends a sender's work: as many begin
_PHONES = "UPDATE contacts SET phone = '+3712' || lpad(substr(first_name, 2), 7, '0')"
# Of three in a row one gets a text in two segments, one in three of UCS-2.
_NAMES = """
UPDATE contacts SET first_name = CASE right(phone, 1)::int % 3
    WHEN 0 THEN repeat('x', 150) WHEN 1 THEN repeat('ž', 60) || '👋' ELSE first_name END
"""
_STATES = "SELECT recipient, state FROM messages WHERE run_id = :run"


def planned(engine: Engine, *, long_texts: bool = False) -> Run:
    with engine.database.transaction(None) as session:
        session.execute(text(_PHONES))
        if long_texts:
            session.execute(text(_NAMES))
    add_sender(engine)
    message = "Hi {{ first_name }}, this is the news of the week for you and yours. " + ("ā" if not long_texts else "")
    run = engine.accept(sms_campaign(engine, message, batch_size=WINDOW))
    assert engine.plan(run) is not None
    return run


def states(engine: Engine, run: Run) -> dict[str, str]:
    with engine.database.transaction(None) as session:
        return {row.recipient: row.state for row in session.execute(text(_STATES), {"run": run.id})}


def test_every_receipt_finds_its_message(make_engine, tmp_path, trial):
    """Long texts and UCS-2 among them; some fail, some expire."""
    people = trial.of(short=240, long=10_000)
    words = {"+3712*3": "UNDELIV", "+3712*6": "EXPIRED", "*": "DELIVRD"}
    with smsc(tmp_path, "--receipts", json.dumps(words)) as server:
        engine = make_engine(contacts=people, credits_="5000", sms_url=server.url)
        receiving = SmppThread(engine.database, engine.settings)
        receiving.start()
        try:
            run = planned(engine, long_texts=True)
            engine.send(run)
            assert engine.close(run) is not None
            accepted = server.accepted()
            found = examine(engine, run, accepted)
            wait_until(lambda: apply_due(engine.database) == 0 and _reported(engine) == people)
        finally:
            receiving.stop()
    trial.write("SMSC: receipts of long and UCS-2 texts, some failed, some expired", people, found)
    expected = {"3": "bounced", "6": "bounced"}
    told = states(engine, run)
    assert len(accepted) == people
    assert Counter(told.values()) == Counter(expected.get(who[-1], "delivered") for who in accepted)
    assert all(state == expected.get(who[-1], "delivered") for who, state in told.items())
    assert count(engine, "SELECT count(*) FROM incoming_events") == 0


def _reported(engine: Engine) -> int:
    return count(engine, "SELECT count(*) FROM event_keys")


MISDEEDS = [
    {"at": "final", "recipient": "*7", "status": 0x0B},
    {"at": "final", "action": "accept_close", "every": 90},
    {"at": "final", "action": "garbage", "every": 70},
    {"at": "final", "status": 0x58, "every": 60},
    {"at": "final", "status": 0x14, "every": 75},
]


def test_an_smsc_that_misbehaves_costs_nobody_a_message_or_a_cent(make_engine, tmp_path, trial):
    people = trial.of(short=150, long=5000)
    script = tmp_path / "rules.json"
    script.write_text(json.dumps(MISDEEDS))
    with smsc(tmp_path, "--script", str(script)) as server:
        engine = make_engine(contacts=people, credits_="5000", sms_url=server.url, retry_attempts=14)
        run = planned(engine)
        for _ in range(ROUNDS):
            engine.send(run)
            if engine.close(run) is not None:
                break
            engine.make_retries_due(run)
            with engine.database.transaction(None) as session:  # the time is over for which it was left alone
                session.execute(text("DELETE FROM provider_circuits"))
            while engine.requeue(run):
                pass
        found = examine(engine, run, server.accepted())
        failed = engine.totals(run).failed
    fault = (
        "SMSC: refuses one in ten; accepts, then closes the connection; answers garbage; throttles; its queue is full"
    )
    trial.write(fault, people // 10 + people // 20, found)
    assert found.uncertain > 0
    assert 0 < failed <= people // 10  # of some nobody knows
    assert engine.totals(run).sent == people - found.uncertain - failed
