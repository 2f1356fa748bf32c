"""The four promises, checked after a fault with the mail server's log as the witness.

(I1) Every planned recipient is in exactly one state, and nobody is lost: whoever is neither in the log of the mail
server nor failed, held back or uncertain. (I2) Nobody was accepted twice. (I3) The ledger adds up to the balance,
which is not below zero, and what was paid is the cost of what was accepted or is uncertain. (I4) The counters are
what counting anew gives.
"""

from collections import Counter
from dataclasses import dataclass, field
from decimal import Decimal

from sqlalchemy import text

from models.tables import Run
from tests.support.engine import Engine

_ENDED = {"completed", "cancelled", "failed"}
_NOT_SENT = {"failed", "suppressed", "cancelled"}
_COUNTERS = ("accepted", "failed", "suppressed", "cancelled", "uncertain")

_COUNTED = """
SELECT (SELECT jsonb_object_agg(state, n) FROM
           (SELECT state, count(*) AS n FROM messages WHERE run_id = :run GROUP BY state) AS s) AS states,
       (SELECT jsonb_build_object('accepted', sum(accepted), 'failed', sum(failed), 'suppressed', sum(suppressed),
                                  'cancelled', sum(cancelled), 'uncertain', sum(uncertain))
        FROM chunks WHERE run_id = :run) AS chunks,
       (SELECT coalesce(sum(cost), 0) FROM messages
        WHERE run_id = :run AND state IN ('accepted', 'uncertain')) AS delivered,
       (SELECT count(*) FROM deferrals WHERE run_id = :run)
        + (SELECT count(*) FROM chunks WHERE run_id = :run AND state <> 'done') AS open
"""
_LEDGER = """
SELECT (SELECT coalesce(sum(amount), 0) FROM ledger_entries WHERE organization_id = :id) AS ledger,
       (SELECT balance FROM organizations WHERE id = :id) AS balance
"""


@dataclass(frozen=True, slots=True)
class Found:
    """What a run that ended looks like. `misstated`: what a state says that the log does not, and other broken laws."""

    messages: int
    lost: int
    doubled: int
    uncertain: int
    cents_off: Decimal
    misstated: list[str] = field(default_factory=list)

    def check(self) -> "Found":
        """Raise AssertionError with what is wrong; returns itself."""
        assert not self.misstated, self.misstated[:5]
        assert (self.lost, self.doubled, self.cents_off) == (0, 0, 0), self
        return self


def examine(engine: Engine, run: Run, accepted: Counter[str]) -> Found:
    """Compare the database with the mail server's log, `accepted`; the run must have ended."""
    now = engine.run(run)
    with engine.database.transaction(None) as session:
        rows = session.execute(text("SELECT recipient, state FROM messages WHERE run_id = :run"), {"run": run.id}).all()
        counted = session.execute(text(_COUNTED), {"run": run.id}).one()
        ledger, balance = session.execute(text(_LEDGER), {"id": engine.organization_id}).one()
    state_of = dict(rows)
    misstated = [f"the run is {now.state}"] if now.state not in _ENDED else []
    if not len(state_of) == len(rows) == now.total_recipients:  # I1
        misstated.append(f"{len(rows)} messages to {len(state_of)} of {now.total_recipients} recipients")
    misstated += [f"{who} got it and was never planned" for who in accepted.keys() - state_of.keys()]
    misstated += [f"{who} is {state}, and got it" for who, state in rows if state in _NOT_SENT and accepted[who]]
    states = counted.states or {}  # I4
    wrong = {name: (counted.chunks[name], states.get(name, 0)) for name in _COUNTERS}
    misstated += [f"{name}: {a} counted, {b} there" for name, (a, b) in wrong.items() if a != b]
    misstated += [f"{counted.open} chunks or second tries are open"] if counted.open else []
    misstated += [f"the balance is {balance}"] if balance < 0 else []
    settled = {*_NOT_SENT, "uncertain"}
    off = abs(ledger - balance) + abs(now.charged - now.refunded - counted.delivered)  # I3
    return Found(
        messages=len(rows),
        lost=sum(1 for who, state in rows if not accepted[who] and state not in settled),
        doubled=sum(times - 1 for times in accepted.values() if times > 1),  # I2
        uncertain=states.get("uncertain", 0),
        cents_off=(off * 100).normalize() if off else Decimal(0),
        misstated=misstated,
    )
