"""The four promises, checked after a fault with the mail server's log as the witness.

(I1) Every planned recipient is in exactly one state, and nobody is lost: whoever is neither in the log of the mail
server nor failed, held back or uncertain. (I2) Nobody was accepted twice, but for who is flagged: a message of which
nobody knew was sent again, as the organization had chosen; how often is counted beside. (I3) The ledger adds up to the
balance, which is not below zero, and what was paid is the cost of what was accepted or is uncertain. (I4) The counters
are what counting anew gives.
"""

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field
from decimal import Decimal

from sqlalchemy import text

from models.tables import Run
from tasks.runs.reconcile import reconcile
from tasks.sending.resolving import UNANSWERED
from tests.support.engine import Engine

_ENDED = {"completed", "cancelled", "failed"}
_NOT_SENT = {"failed", "suppressed", "cancelled"}
_SETTLED = {*_NOT_SENT, "uncertain"}
_WAITING = {"planned", "deferred"}
_COUNTERS = ("accepted", "failed", "suppressed", "cancelled", "uncertain")

_MESSAGES = "SELECT recipient, state, resends, error_code FROM messages WHERE run_id = :run"
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
_SINGLES = """
SELECT m.recipient, m.state, m.resends, m.cost,
       (SELECT -coalesce(sum(amount), 0) FROM ledger_entries e WHERE e.message_id = m.id) AS paid
FROM messages m WHERE m.organization_id = :id AND m.run_id IS NULL
"""
_LEDGER = """
SELECT (SELECT coalesce(sum(amount), 0) FROM ledger_entries WHERE organization_id = :id) AS ledger,
       (SELECT balance FROM organizations WHERE id = :id) AS balance
"""


@dataclass(frozen=True, slots=True)
class Found:
    """What a run that ended looks like. `resent`: how often somebody who is flagged got it again. `misstated`: what a
    state says that the log does not, and other broken laws. None: it was not looked for."""

    messages: int
    lost: int | None
    doubled: int | None
    uncertain: int | None
    cents_off: Decimal
    resent: int | None = 0
    misstated: list[str] = field(default_factory=list)

    def check(self) -> "Found":
        """Raise AssertionError with what is wrong; returns itself."""
        assert not self.misstated, self.misstated[:5]
        assert (self.lost or 0, self.doubled or 0, self.cents_off) == (0, 0, 0), self
        return self


def examine_singles(engine: Engine, accepted: Counter[str]) -> Found:
    """The same of the organization's single messages, each to somebody else; none may be waiting."""
    with engine.database.transaction(None) as session:
        told = session.execute(text(_SINGLES), {"id": engine.organization_id}).all()
        ledger, balance = session.execute(text(_LEDGER), {"id": engine.organization_id}).one()
    state_of = {row.recipient: row.state for row in told}
    again = {row.recipient: row.resends for row in told if row.resends}
    misstated = [f"{who} is {state}" for who, state in state_of.items() if state in _WAITING]
    misstated += [f"{len(told)} messages to {len(state_of)} recipients"] if len(state_of) != len(told) else []
    misstated += [f"{who} got it and is on no list" for who in accepted.keys() - state_of.keys()]
    misstated += [f"{who} is {state}, and got it" for who, state in state_of.items() if _lies(state, accepted[who])]
    misstated += [f"the balance is {balance}"] if balance < 0 else []
    misstated += [
        result.law.name for result in reconcile(engine.database, engine.organization_id).results if result.differing
    ]
    paid = sum((row.cost for row in told if row.state not in _NOT_SENT), Decimal(0))
    off = abs(ledger - balance) + abs(paid - sum((row.paid for row in told), Decimal(0)))
    return Found(
        messages=len(told),
        lost=sum(1 for who, state in state_of.items() if not accepted[who] and state not in _SETTLED),
        doubled=sum(max(0, times - 1 - again.get(who, 0)) for who, times in accepted.items()),
        uncertain=sum(1 for state in state_of.values() if state == "uncertain"),
        cents_off=(off * 100).normalize() if off else Decimal(0),
        resent=sum(max(0, min(accepted[who] - 1, most)) for who, most in again.items()),
        misstated=misstated,
    )


def _lies(state: str, times: int) -> bool:
    return state in _NOT_SENT and times > 0


def examine(engine: Engine, run: Run, accepted: Counter[str], decided: Collection[str] = ()) -> Found:
    """Compare the database with the mail server's log, `accepted`; the run must have ended.

    Of `decided` somebody said what counts, not knowing: the log may know better.
    """
    now = engine.run(run)
    with engine.database.transaction(None) as session:
        told = session.execute(text(_MESSAGES), {"run": run.id}).all()
        counted = session.execute(text(_COUNTED), {"run": run.id}).one()
        ledger, balance = session.execute(text(_LEDGER), {"id": engine.organization_id}).one()
    rows = [(row.recipient, row.state) for row in told]
    state_of = dict(rows)
    again = {row.recipient: row.resends for row in told if row.resends}
    guessed = {*decided, *again, *(row.recipient for row in told if row.error_code == UNANSWERED)}
    misstated = [f"the run is {now.state}"] if now.state not in _ENDED else []
    if not len(state_of) == len(rows) == now.total_recipients:  # I1
        misstated.append(f"{len(rows)} messages to {len(state_of)} of {now.total_recipients} recipients")
    misstated += [f"{who} got it and was never planned" for who in accepted.keys() - state_of.keys()]
    misstated += [
        f"{who} is {state}, and got it"
        for who, state in rows
        if state in _NOT_SENT and accepted[who] and who not in guessed
    ]
    states = counted.states or {}  # I4
    wrong = {name: (counted.chunks[name] or 0, states.get(name, 0)) for name in _COUNTERS}  # None: never planned
    misstated += [f"{name}: {a} counted, {b} there" for name, (a, b) in wrong.items() if a != b]
    misstated += [f"{counted.open} chunks or second tries are open"] if counted.open else []
    misstated += [f"the balance is {balance}"] if balance < 0 else []
    off = abs(ledger - balance) + abs(now.charged - now.refunded - counted.delivered)  # I3
    return Found(
        messages=len(rows),
        lost=sum(1 for who, state in rows if not accepted[who] and state not in _SETTLED and who not in decided),
        doubled=sum(max(0, times - 1 - again.get(who, 0)) for who, times in accepted.items()),  # I2
        resent=sum(max(0, min(accepted[who] - 1, most)) for who, most in again.items()),
        uncertain=states.get("uncertain", 0),
        cents_off=(off * 100).normalize() if off else Decimal(0),
        misstated=misstated,
    )
