"""STOP as the answer to an SMS that may be out while its outcome is not recorded: it must not be lost."""

from collections.abc import Callable

import pytest
from sqlalchemy import text

from models.rules.lifecycle import RunState
from models.store.chunks import Counts, advance, claim_chunk
from models.store.outbox import claim
from models.tables import Run
from tasks.reports.replies import apply_replies
from tasks.runs.control import pause_campaign
from tests.support.engine import Engine
from tests.support.inbound import suppressed, write_back
from tests.support.outbox import singles
from tests.support.sms import add_people, add_sender, number, sms_campaign

SHARED = "1234"  # nobody's own number
PEOPLE = [number(no) for no in range(4)]


@pytest.fixture
def engine(make_engine: Callable[..., Engine]) -> Engine:
    """Nobody has written to anybody yet."""
    return make_engine()


def _stopped(engine: Engine) -> list[str]:
    """Everybody writes STOP: for whom does it count?"""
    for person in PEOPLE:
        write_back(engine.database, person, SHARED)
    apply_replies(engine.database)
    return sorted(suppressed(engine))


def _planned(engine: Engine) -> Run:
    add_people(engine, [{"phone": phone} for phone in PEOPLE])
    run = engine.accept(sms_campaign(engine, sender_id_id=add_sender(engine, "ACME")))
    engine.plan(run)
    return run


def _announced(engine: Engine, run: Run, *, cursor: int, recorded: int = 0) -> list[str]:
    """A sender announces so many and dies; the outcomes of some of them it has written."""
    with engine.database.transaction(None) as session:
        lease = claim_chunk(session, run.id, 1, who="dead", lease_seconds=15)
        assert lease is not None
        advance(session, lease, cursor=cursor, counts=Counts(suppressed=recorded))
        values = {"ids": lease.message_ids(recorded, cursor)}
        chosen = session.execute(text("SELECT recipient FROM messages WHERE id = ANY(cast(:ids AS uuid[]))"), values)
        return sorted(chosen.scalars())


def test_what_a_dead_sender_of_a_paused_run_had_announced_counts_and_nothing_else(engine: Engine) -> None:
    run = _planned(engine)
    announced = _announced(engine, run, cursor=3, recorded=1)
    assert len(announced) == 2
    assert run.campaign_id is not None
    with engine.database.transaction(None) as session:
        pause_campaign(session, engine.organization_id, run.campaign_id)
    assert engine.run(run).state == RunState.PAUSED
    assert _stopped(engine) == announced


def test_a_chunk_of_second_tries_is_read_by_its_list(engine: Engine) -> None:
    run = _planned(engine)
    with engine.database.transaction(None) as session:
        session.execute(text("UPDATE chunks SET positions = '{3,1}', size = 2"))
    announced = _announced(engine, run, cursor=1)
    assert len(announced) == 1
    assert _stopped(engine) == announced


def test_what_is_claimed_in_the_outbox_counts(engine: Engine) -> None:
    singles(engine, "sms", PEOPLE)
    with engine.database.transaction(None) as session:
        claimed = claim(session, "sms", who="dead", seconds=15, limit=2)
    assert _stopped(engine) == sorted(each.message.recipient for each in claimed)


@pytest.mark.parametrize("state", ["planned", "deferred"])
def test_what_was_handed_over_before_counts_while_it_waits(engine: Engine, state: str) -> None:
    singles(engine, "sms", PEOPLE)
    with engine.database.transaction(None) as session:
        values = {"state": state, "person": PEOPLE[2]}
        session.execute(text("UPDATE messages SET state = :state, tries = 1 WHERE recipient = :person"), values)
    assert _stopped(engine) == PEOPLE[2:3]


def test_what_may_be_out_takes_no_stop_away_from_who_certainly_wrote(engine: Engine) -> None:
    """From the number that is answered one organization may have written, another did under its name."""
    certain, perhaps = engine, engine.another()
    singles(certain, "sms", PEOPLE[:1])
    singles(perhaps, "sms", PEOPLE[:1])
    with engine.database.transaction(None) as session:
        session.execute(
            text("UPDATE contents SET sender_id = :number WHERE organization_id = :id"),
            {"number": SHARED, "id": perhaps.organization_id},
        )
        session.execute(
            text("UPDATE messages SET state = 'uncertain' WHERE organization_id = :id"), {"id": perhaps.organization_id}
        )
        session.execute(
            text("UPDATE messages SET state = 'accepted', sent_at = now() WHERE organization_id = :id"),
            {"id": certain.organization_id},
        )
    assert _stopped(certain) == sorted(suppressed(perhaps)) == PEOPLE[:1]
