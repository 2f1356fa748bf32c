"""The promises, checked at any moment of a run, with the mail server as the witness."""

from collections import Counter
from collections.abc import Collection

from sqlalchemy import text

from models.rules.lifecycle import RunState
from models.tables import Run
from tests.support.engine import Engine

_RUNS_OF = {
    "sending": {RunState.QUEUED, RunState.PLANNING, RunState.SENDING},
    "paused": {RunState.PAUSED},
    "cancelled": {RunState.CLOSING, RunState.CANCELLED},
    "completed": {RunState.COMPLETED},
    "failed": {RunState.FAILED},
}

# What the chunks count, beside what is there.
_COUNTERS = """
SELECT (SELECT jsonb_build_array(sum(accepted), sum(failed), sum(suppressed), sum(cancelled), sum(uncertain))
        FROM chunks WHERE run_id = :run) AS counted,
       (SELECT jsonb_build_array(
            count(*) FILTER (WHERE state = 'accepted'), count(*) FILTER (WHERE state = 'failed'),
            count(*) FILTER (WHERE state = 'suppressed'), count(*) FILTER (WHERE state = 'cancelled'),
            count(*) FILTER (WHERE state = 'uncertain')) FROM messages WHERE run_id = :run) AS recounted,
       (SELECT coalesce(sum(refundable), 0) FROM chunks WHERE run_id = :run) AS refundable,
       (SELECT coalesce(sum(cost), 0) FROM messages
        WHERE run_id = :run AND state IN ('failed', 'suppressed', 'cancelled')) AS undelivered,
       (SELECT coalesce(sum(cost), 0) FROM messages
        WHERE run_id = :run AND state IN ('accepted', 'uncertain')) AS delivered,
       (SELECT count(*) FROM messages m WHERE m.run_id = :run AND m.state = 'deferred'
        AND NOT EXISTS (SELECT FROM deferrals d WHERE d.run_id = :run AND d.position = m.position)) AS forgotten,
       (SELECT count(*) FROM deferrals WHERE run_id = :run) AS waiting,
       (SELECT coalesce(array_agg(m.recipient), '{}') FROM messages m JOIN uncertain_messages u ON u.message_id = m.id
        WHERE m.run_id = :run) AS listed,
       (SELECT count(*) FROM chunks WHERE run_id = :run AND state <> 'done') AS open_chunks
"""

# Planned messages that a sender may have handed over: the only ones that the mail server may know already.
_IN_DOUBT = """
SELECT m.recipient FROM messages m JOIN chunks c USING (run_id)
WHERE m.run_id = :run AND m.state = 'planned' AND c.state = 'leased' AND m.position = ANY(
    (coalesce(c.positions, ARRAY(SELECT generate_series(c.first_position, c.first_position + c.size - 1)))
    )[c.recorded + 1 : c.cursor])
"""


def check_promises(engine: Engine, run: Run, got: Counter[str], decided: Collection[str] = ()) -> None:
    """Nobody twice, nobody lost, nobody told wrongly, every cent, every counter; states that go together.

    Of `decided` somebody said what counts, not knowing: the mail server may know better.
    """
    assert max(got.values(), default=0) <= 1, f"Somebody got it twice: {got.most_common(3)}"
    with engine.database.transaction(None) as session:
        rows = session.execute(text("SELECT recipient, state FROM messages WHERE run_id = :run"), {"run": run.id}).all()
        in_doubt = set(session.execute(text(_IN_DOUBT), {"run": run.id}).scalars())
        sums = session.execute(text(_COUNTERS), {"run": run.id}).one()
        ledger = session.execute(
            text("SELECT sum(amount) FROM ledger_entries WHERE organization_id = :organization"),
            {"organization": engine.organization_id},
        ).scalar_one()
    for recipient, state in rows:
        if recipient in decided:
            assert state in ("accepted", "failed")
        elif state == "accepted":
            assert got[recipient] == 1, f"{recipient} is accepted, and the mail server does not know it."
        elif state != "uncertain" and recipient not in in_doubt:
            assert got[recipient] == 0, f"{recipient} is {state}, and the mail server has it."
    assert not rows or sums.counted == sums.recounted
    assert sums.refundable == sums.undelivered
    assert set(sums.listed) == {recipient for recipient, state in rows if state == "uncertain"}
    assert sums.forgotten == 0
    assert ledger == engine.balance() >= 0
    now = engine.run(run)
    assert now.state in _RUNS_OF[engine.status(run)]
    if now.finished_at is not None:
        assert {state for _, state in rows}.isdisjoint({"planned", "deferred"})
        assert (sums.open_chunks, sums.waiting) == (0, 0)
        assert now.charged - now.refunded == sums.delivered
