"""A mail server that does everything wrong that one may do, and a run that ends all the same.

What it does to whom, and when, follows from rules (deployments/sink_faults.py) and one seed.
"""

import fnmatch
import json
import time
from dataclasses import dataclass
from decimal import Decimal

import pytest
from sqlalchemy import text

from tests.support.invariants import examine
from tests.support.processes import mail_server

WINDOW = 50
ROUNDS = 12


@dataclass(frozen=True, slots=True)
class Misdeed:
    """Rules of the sink: {n} stands for about every which message, {s} for a latency. `doubts`: whether messages become
    uncertain; None where that is by chance."""

    fault: str
    rules: tuple[dict[str, object], ...]
    doubts: bool | None = False
    failures: bool = False
    often: int = 40  # every so many-th message
    options: str = "timeout=0.5"
    people: int = 20_000  # in the long form

    def times(self, recipients: list[str], often: int) -> int:
        """How many messages meet it, about."""
        if by_name := [str(rule["recipient"]) for rule in self.rules if "recipient" in rule]:
            return sum(len(fnmatch.filter(recipients, name)) for name in by_name)
        every = WINDOW // 2 if self.rules[0].get("after_messages") else often
        return len(self.rules) * len(recipients) // every


def _final(action: str, **values: object) -> dict[str, object]:
    return {"at": "final", "action": action, "every": "{n}", **values}


MISDEEDS = [
    Misdeed("accepts, then is silent", (_final("accept_hang"),), doubts=True, often=200),
    Misdeed("accepts, then resets the connection", (_final("accept_reset"),), doubts=True),
    Misdeed("accepts, then closes the connection", (_final("accept_close"),), doubts=True),
    Misdeed("accepts, then answers garbage", (_final("accept_garbage"),), doubts=True),
    Misdeed("answers garbage", (_final("garbage"), {"at": "mail", "action": "garbage", "every": "{n}"}), doubts=True),
    # The answer to the message before is pipelined, and lost with the connection.
    Misdeed("resets at DATA", ({"at": "data", "action": "reset", "every": "{n}"},), doubts=True),
    Misdeed("resets at the final dot", (_final("reset"),), doubts=True),
    Misdeed(
        "421 when it is called, at each step and at the final dot",
        tuple({"at": at, "reply": "421 4.7.0 Too many", "every": "{n}"} for at in ("connect", "mail", "rcpt", "final")),
    ),
    Misdeed("450 4.7.1, too many messages", (_final("reply", reply="450 4.7.1 Slow down"),), often=5),
    Misdeed(
        "5xx to one in ten", ({"at": "rcpt", "recipient": "*7@*", "reply": "550 5.1.1 No such user"},), failures=True
    ),
    Misdeed("takes as long as it may", (_final("slow", seconds=0.3),), often=100),
    Misdeed("takes longer than it may", (_final("slow", seconds=1.5),), doubts=True, often=200),
    Misdeed(
        "takes half a batch, then closes the connection",
        ({"at": "mail", "action": "close", "after_messages": WINDOW // 2},),
    ),
    Misdeed(
        "takes half a batch, then resets the connection",
        ({"at": "mail", "action": "reset", "after_messages": WINDOW // 2},),
        doubts=None,  # answers on their way are lost with it
    ),
    Misdeed("30 s latency", (_final("slow", seconds="{s}"),), often=600, options="timeout=40", people=3000),
]


@pytest.mark.parametrize("misdeed", MISDEEDS, ids=lambda misdeed: misdeed.fault)
def test_a_server_that_misbehaves_costs_nobody_a_message_or_a_cent(make_engine, tmp_path, trial, misdeed):
    people = trial.of(short=400, long=misdeed.people)
    # Which messages meet the fault is by chance, within a third of how often.
    often = min(trial.chance.randint(misdeed.often * 2 // 3, misdeed.often), people // 2)
    latency = trial.of(short="1.5", long="30")
    rules = json.dumps(misdeed.rules).replace('"{n}"', str(often)).replace('"{s}"', latency)
    with mail_server(tmp_path, "--script", _written(tmp_path, rules)) as server:
        options = misdeed.options if trial.is_long else misdeed.options.replace("=40", "=2.5")
        url = f"{server.url}&{options}"
        engine = make_engine(contacts=people, credits_="5000", smtp_url=url, retry_attempts=ROUNDS)
        run = engine.planned(batch_size=WINDOW)
        for _ in range(ROUNDS):
            engine.send(run)
            if engine.close(run) is not None:
                break
            engine.make_retries_due(run)
            while engine.requeue(run):
                pass
        found = examine(engine, run, server.accepted())
        failed = engine.totals(run).failed
    trial.write(f"mail server: {misdeed.fault}", misdeed.times(engine.recipients, often), found)
    assert misdeed.doubts is None or (found.uncertain > 0) == misdeed.doubts
    assert (failed > 0) == misdeed.failures
    assert engine.run(run).refunded == failed * Decimal("0.01")
    assert engine.totals(run).sent == people - found.uncertain - failed


_TRIES = """
SELECT m.recipient, m.tries, d.retry_at - now() AS wait FROM messages m
LEFT JOIN deferrals d ON d.run_id = m.run_id AND d.position = m.position WHERE m.run_id = :run
"""


def test_451_twice_is_waited_for_and_counted_and_the_third_try_is_the_one(make_engine, tmp_path, trial):
    people, base = trial.of(short=400, long=50_000), 60.0
    rules = json.dumps([{"at": "final", "recipient": f"*{digit}@*", "first": 2} for digit in (1, 4, 6)])
    with mail_server(tmp_path, "--script", _written(tmp_path, rules)) as server:
        engine = make_engine(contacts=people, credits_="5000", smtp_url=server.url, retry_base_seconds=base)
        run = engine.planned(batch_size=WINDOW)
        deferred = {who for who in engine.recipients if who.partition("@")[0][-1] in "146"}
        for tries in (1, 2):
            began = time.monotonic()
            engine.send(run)
            told = _tries(engine, run)
            assert {row.recipient for row in told if row.wait is not None} == deferred
            assert {row.tries for row in told if row.recipient in deferred} == {tries}
            waits = [row.wait.total_seconds() for row in told if row.wait is not None]
            due = base * 2 ** (tries - 1)
            assert due - (time.monotonic() - began) - 1 <= min(waits) <= max(waits) <= due
            assert engine.requeue(run) == 0, "It was tried again before it was due."
            assert engine.close(run) is None
            assert server.accepted().total() == people - len(deferred)
            engine.make_retries_due(run)
            while engine.requeue(run):
                pass
        engine.send(run)
        assert engine.close(run) is not None
        found = examine(engine, run, server.accepted())
        assert {row.tries for row in _tries(engine, run) if row.recipient in deferred} == {3}
    trial.write("mail server: 451 twice to 30% of the recipients", 2 * len(deferred), found)
    assert engine.totals(run).sent == people
    assert found.uncertain == 0


def _tries(engine, run):
    with engine.database.transaction(None) as session:
        return session.execute(text(_TRIES), {"run": run.id}).all()


def _written(folder, rules: str) -> str:
    path = folder / "rules.json"
    path.write_text(rules)
    return str(path)
