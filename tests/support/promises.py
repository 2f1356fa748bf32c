"""The promises, checked at any moment of a run, with the mail server as the witness.

Who is flagged, since a message of which nobody knew was sent again to them, may have it once more each time.
"""

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
       (SELECT coalesce(sum(cost), 0) FROM messages
        WHERE run_id = :run AND state IN ('planned', 'deferred') AND resends > 0) AS going_again,
       (SELECT count(*) FROM messages m WHERE m.run_id = :run AND m.state = 'deferred'
        AND NOT EXISTS (SELECT FROM deferrals d WHERE d.run_id = :run AND d.position = m.position)
        AND NOT EXISTS (SELECT FROM outbox o WHERE o.message_id = m.id)) AS forgotten,
       (SELECT count(*) FROM deferrals WHERE run_id = :run) AS waiting,
       (SELECT coalesce(array_agg(m.recipient), '{}') FROM messages m JOIN uncertain_messages u ON u.message_id = m.id
        WHERE m.run_id = :run) AS listed,
       (SELECT count(*) FROM chunks WHERE run_id = :run AND state NOT IN ('done', 'outbox')) AS open_chunks
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
    with engine.database.transaction(None) as session:
        found = "SELECT recipient, state, resends FROM messages WHERE run_id = :run"
        told = session.execute(text(found), {"run": run.id}).all()
        in_doubt = set(session.execute(text(_IN_DOUBT), {"run": run.id}).scalars())
        sums = session.execute(text(_COUNTERS), {"run": run.id}).one()
        ledger = session.execute(
            text("SELECT sum(amount) FROM ledger_entries WHERE organization_id = :organization"),
            {"organization": engine.organization_id},
        ).scalar_one()
    again = {row.recipient: row.resends for row in told if row.resends}
    rows = [(row.recipient, row.state) for row in told]
    twice = [who for who, times in got.items() if times > 1 + again.get(who, 0)]
    assert not twice, f"Somebody got it twice: {twice[:3]}"
    for recipient, state in rows:
        if recipient in decided:
            assert state in ("accepted", "failed")
        elif recipient in again:
            assert state != "accepted" or got[recipient], f"{recipient} is accepted, and never got it."
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
        assert {state for who, state in rows if who not in again}.isdisjoint({"planned", "deferred"})
        assert (sums.open_chunks, sums.waiting) == (0, 0)
        assert now.charged - now.refunded == sums.delivered + sums.going_again
