"""HTTP APIs that do everything wrong that one may do, and runs that end all the same.

What they do to whom, and when, follows from rules (deployments/sink_faults.py) and one seed. Twilio and SES take one
message in a call, the others a window.
"""

import json
from dataclasses import dataclass

import pytest
from sqlalchemy import text

from tests.support.engine import Engine
from tests.support.http_api import INFOBIP, MAILGUN, POSTMARK, RESEND, SENDGRID, SES, TWILIO
from tests.support.http_runs import planned_run
from tests.support.invariants import examine
from tests.support.processes import provider_api

WINDOW = 50
ROUNDS = 400  # a 429 or 503 with a time ends a sender's work: as many begin
TRIES = 14


@dataclass(frozen=True, slots=True)
class Misdeed:
    """Rules of the sink: {n} stands for about every which request. `doubts`: whether messages become uncertain;
    `failures`: whether some are refused."""

    fault: str
    rules: tuple[dict[str, object], ...]
    doubts: bool = False
    failures: bool = False
    often: int = 40  # every so many-th message
    options: str = "timeout=0.5"


def _final(action: str, **values: object) -> dict[str, object]:
    return {"at": "final", "action": action, "every": "{n}", **values}


def _reply(status: str, **values: object) -> dict[str, object]:
    return _final("reply", reply=status, **values)


MISDEEDS = [
    Misdeed("accepts, then is silent", (_final("accept_hang"),), doubts=True, often=200),
    Misdeed("accepts, then resets the connection", (_final("accept_reset"),), doubts=True),
    Misdeed("accepts, then closes the connection", (_final("accept_close"),), doubts=True),
    Misdeed("accepts, then answers garbage", (_final("accept_garbage"),), doubts=True),
    Misdeed("answers garbage", (_final("garbage"),), doubts=True),
    Misdeed("resets in the middle of a request", ({"at": "data", "action": "reset", "every": "{n}"},), doubts=True),
    Misdeed("takes nothing, then closes the connection", (_final("close"),), doubts=True),
    Misdeed("429 with Retry-After", (_reply("429 Too Many Requests", seconds=1),), often=100),
    Misdeed("500 and 502", (_reply("500 Internal Server Error"), _reply("502 Bad Gateway")), doubts=True),
    Misdeed("503 with Retry-After", (_reply("503 Service Unavailable", seconds=1),), often=100),
    Misdeed("401 for a while", ({"at": "final", "reply": "401 Authenticate", "first": 1, "recipient": "*3*"},)),
    Misdeed("takes as long as it may", (_final("slow", seconds=0.3),), often=100),
    Misdeed("takes longer than it may", (_final("slow", seconds=1.5),), doubts=True, often=200),
]
OF_BATCHES = [
    Misdeed("takes half a batch, then closes the connection", (_final("accept_half"),), doubts=True, often=100),
    Misdeed(
        "refuses a batch for one recipient", ({"at": "final", "reply": "400 No", "recipient": "c7@*"},), False, True
    ),
]
ONCE = Misdeed(
    "does not answer once, and knows the request that comes again",
    ({"at": "final", "action": "accept_close", "first": 1, "recipient": "c7@*"},),
)
ALONE = (TWILIO, SES)  # who take one message in a call


@pytest.mark.parametrize(
    ("vendor", "misdeed"),
    [(vendor, misdeed) for misdeed in MISDEEDS for vendor in (TWILIO, MAILGUN)]
    + [(MAILGUN, misdeed) for misdeed in OF_BATCHES]
    + [(INFOBIP, OF_BATCHES[0]), (POSTMARK, OF_BATCHES[0]), (SENDGRID, OF_BATCHES[1]), (SES, MISDEEDS[1])]
    + [(RESEND, ONCE)],
    ids=lambda one: getattr(one, "fault", None) or one.name,
)
def test_a_provider_that_misbehaves_costs_nobody_a_message_or_a_cent(make_engine, tmp_path, trial, vendor, misdeed):
    people = trial.of(short=200, long=10_000)
    # Which requests meet the fault is by chance, within a third of how often; short runs have few batches.
    often = trial.chance.randint(misdeed.often * 2 // 3, misdeed.often)
    every = often if vendor in ALONE else trial.of(short=3, long=often // 4)
    script = tmp_path / "rules.json"
    script.write_text(json.dumps(misdeed.rules).replace('"{n}"', str(every)))
    with provider_api(vendor.name, tmp_path, "--script", str(script)) as server:
        url = f"{server.url}&{misdeed.options}"
        values = {f"{vendor.channel}_url": url, "retry_attempts": TRIES}
        engine = make_engine(contacts=people, credits_="5000", **values)
        run = planned_run(engine, vendor, WINDOW)
        for _ in range(ROUNDS):
            engine.send(run)
            if engine.close(run) is not None:
                break
            engine.make_retries_due(run)
            _leave_alone_no_longer(engine)
            while engine.requeue(run):
                pass
        found = examine(engine, run, server.accepted())
        failed = engine.totals(run).failed
    times = max(1, len(misdeed.rules) * people // (1 if vendor in ALONE else WINDOW) // every)
    who = f"{vendor.channel} provider" if vendor in (TWILIO, MAILGUN) else f"{vendor.channel} provider {vendor.name}"
    trial.write(f"{who}: {misdeed.fault}", times, found)
    assert (found.uncertain > 0) == misdeed.doubts
    assert (failed > 0) == misdeed.failures
    assert engine.totals(run).sent == people - found.uncertain - failed


def _leave_alone_no_longer(engine: Engine) -> None:
    """The time is over for which the provider was left alone."""
    with engine.database.transaction(None) as session:
        session.execute(text("DELETE FROM provider_circuits"))
