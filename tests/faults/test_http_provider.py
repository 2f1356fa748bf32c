"""An HTTP API that does everything wrong that one may do, and a run that ends all the same.

What it does to whom, and when, follows from rules (deployments/sink_faults.py) and one seed.
"""

import json
from dataclasses import dataclass

import pytest
from sqlalchemy import text

from tests.support.invariants import examine
from tests.support.processes import provider_api
from tests.support.sms import add_sender, sms_campaign

WINDOW = 50
ROUNDS = 14


@dataclass(frozen=True, slots=True)
class Misdeed:
    """Rules of the sink: {n} stands for about every which request. `doubts`: whether messages become uncertain."""

    fault: str
    rules: tuple[dict[str, object], ...]
    doubts: bool = False
    failures: bool = False
    often: int = 40
    options: str = "timeout=0.5"


def _final(action: str, **values: object) -> dict[str, object]:
    return {"at": "final", "action": action, "every": "{n}", **values}


def _reply(status: str, **values: object) -> dict[str, object]:
    return _final("reply", reply=status, **values)


SHARED = [
    Misdeed("accepts, then is silent", (_final("accept_hang"),), doubts=True, often=200),
    Misdeed("accepts, then resets the connection", (_final("accept_reset"),), doubts=True),
    Misdeed("accepts, then closes the connection", (_final("accept_close"),), doubts=True),
    Misdeed("accepts, then answers garbage", (_final("accept_garbage"),), doubts=True),
    Misdeed("answers garbage", (_final("garbage"),), doubts=True),
    Misdeed("resets in the middle of a request", ({"at": "data", "action": "reset", "every": "{n}"},), doubts=True),
    Misdeed("takes nothing, then closes the connection", (_final("close"),), doubts=True),
    Misdeed("429 with Retry-After", (_reply("429 Too Many Requests", seconds=1),), often=100),
    Misdeed("503 with Retry-After", (_reply("503 Service Unavailable", seconds=1),), often=100),
    Misdeed("500 and 502", (_reply("500 Internal Server Error"), _reply("502 Bad Gateway")), doubts=True),
    Misdeed("takes as long as it may", (_final("slow", seconds=0.3),), often=100),
    Misdeed("takes longer than it may", (_final("slow", seconds=1.5),), doubts=True, often=200),
]


@pytest.mark.parametrize("misdeed", SHARED, ids=lambda misdeed: misdeed.fault)
def test_an_sms_provider_that_misbehaves_costs_nobody_a_message_or_a_cent(make_engine, tmp_path, trial, misdeed):
    people = trial.of(short=200, long=10_000)
    often = trial.chance.randint(misdeed.often * 2 // 3, misdeed.often)
    script = tmp_path / "rules.json"
    script.write_text(json.dumps(misdeed.rules).replace('"{n}"', str(often)))
    with provider_api("twilio", tmp_path, "--script", str(script)) as server:
        engine = make_engine(
            contacts=people, credits_="5000", sms_url=f"{server.url}&{misdeed.options}", retry_attempts=ROUNDS
        )
        _give_numbers(engine)
        add_sender(engine)
        run = engine.accept(sms_campaign(engine, batch_size=WINDOW))
        assert engine.plan(run) is not None
        for _ in range(ROUNDS):
            engine.send(run)
            if engine.close(run) is not None:
                break
            engine.make_retries_due(run)
            _close_circuits(engine)
            while engine.requeue(run):
                pass
        found = examine(engine, run, server.accepted())
        failed = engine.totals(run).failed
    trial.write(f"SMS provider: {misdeed.fault}", len(misdeed.rules) * people // often, found)
    assert (found.uncertain > 0) == misdeed.doubts
    assert engine.totals(run).sent == people - found.uncertain - failed


def _give_numbers(engine) -> None:
    with engine.database.transaction(None) as session:
        session.execute(
            text(
                "UPDATE contacts SET phone = '+3712' || lpad(substr(first_name, 2), 7, '0') WHERE organization_id = :id"
            ),
            {"id": engine.organization_id},
        )


def _close_circuits(engine) -> None:
    """Let the time be over for which the provider is left alone."""
    with engine.database.transaction(None) as session:
        session.execute(text("DELETE FROM provider_circuits"))
