"""A sender dies and its run is paused: what it had out is uncertain at once, not when somebody resumes the run."""

from sqlalchemy import select

from models.store import chunks
from models.store.messages import read_planned
from models.tables import Chunk
from tasks.reports.apply import apply_due
from tasks.runs.control import pause_campaign, resume_campaign
from tasks.runs.dead_senders import flag_dead_senders
from tasks.sending.journal import Journal
from tests.support.engine import Engine
from tests.support.uncertain import check_counters, report, uncertain_ids

WINDOW = 20
CHUNK = 60


def _handed_over(engine: Engine, run, *, recorded: int, cursor: int):
    """A chunk whose sender's cursor stands there, and which it holds."""
    with engine.database.transaction(None) as session:
        lease = chunks.claim_chunk(session, run.id, 1, who="dead", lease_seconds=15)
        planned = read_planned(session, lease)
    journal = Journal(engine.database, run.id, engine.organization_id, 1, "email", "sandbox", lambda: False)
    journal.step(lease, [], cursor=cursor, upcoming=planned[recorded:cursor])


def _change(engine: Engine, run, change) -> None:
    with engine.database.transaction(engine.organization_id) as session:
        change(session, engine.organization_id, run.campaign_id)


def _chunk_states(engine: Engine, run) -> list[tuple[str, int, int]]:
    with engine.database.transaction(None) as session:
        rows = session.scalars(select(Chunk).where(Chunk.run_id == run.id).order_by(Chunk.no))
        return [(row.state, row.cursor, row.recorded) for row in rows]


def test_it_is_flagged_while_the_run_is_paused_and_the_rest_is_sent_after_it(make_engine):
    engine = make_engine(contacts=2 * CHUNK, chunk_size=CHUNK)
    run = engine.planned()
    _handed_over(engine, run, recorded=0, cursor=WINDOW)
    _change(engine, run, pause_campaign)
    assert flag_dead_senders(engine.database) == 0, "It may live: its lease goes on."
    engine.expire_leases(run)
    assert flag_dead_senders(engine.database) == WINDOW
    assert flag_dead_senders(engine.database) == 0
    assert _chunk_states(engine, run) == [("ready", WINDOW, WINDOW), ("ready", 0, 0)]
    check_counters(engine, run)
    _change(engine, run, resume_campaign)
    engine.plan(run)
    engine.send(run, epoch=2)
    assert engine.states(run) == {"uncertain": WINDOW, "accepted": 2 * CHUNK - WINDOW}
    check_counters(engine, run)


def test_what_a_provider_reports_meanwhile_counts(make_engine):
    engine = make_engine(contacts=WINDOW)
    run = engine.planned()
    _handed_over(engine, run, recorded=0, cursor=WINDOW)
    _change(engine, run, pause_campaign)
    engine.expire_leases(run)
    flag_dead_senders(engine.database)
    assert _chunk_states(engine, run) == [("done", WINDOW, WINDOW)]
    report(engine, uncertain_ids(engine, run))
    apply_due(engine.database)
    assert engine.states(run) == {"delivered": WINDOW}
    check_counters(engine, run)
