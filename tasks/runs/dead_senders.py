"""What dead senders of paused runs had out.

Of a run that sends, whoever takes over its chunks sees to that. A paused one may stay so for days: its messages would
be neither listed nor decided, and reports about them are kept for a day only.
"""

from models.rules.lifecycle import RunState
from models.session import Database
from models.store import chunks, loose_ends

_LEASE_SECONDS = 60.0


def flag_dead_senders(database: Database) -> int:
    """Make uncertain what they handed over and did not record, and give their chunks back; how many messages."""
    with database.transaction(None) as session:
        paused = loose_ends.paused_after_a_death(session)
    return sum(_flag(database, run) for run in paused)


def _flag(database: Database, run: loose_ends.Orphan) -> int:
    flagged = 0
    while True:
        with database.transaction(None) as session:
            lease = chunks.claim_chunk(
                session,
                run.run_id,
                run.epoch,
                who="courier",
                lease_seconds=_LEASE_SECONDS,
                run_state=RunState.PAUSED,
                only_expired=True,
            )
            if lease is None:
                return flagged
            state = "done" if lease.cursor == lease.size else "ready"
            chunks.advance(session, lease, cursor=lease.cursor, counts=chunks.Counts(), state=state)
        flagged += lease.uncertain
