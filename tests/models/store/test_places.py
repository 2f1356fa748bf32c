"""Which campaign's flow gives its place in a worker to whom."""

from collections.abc import Sequence
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text

from models.rules.ids import new_id
from models.session import Database
from models.store.organizations import create_organization
from models.store.places import gives_way, queue_again
from models.store.runs import find_run


def _organization(database: Database) -> UUID:
    with database.transaction(None) as session:
        return create_organization(session, name="Somebody").id


def _run(
    database: Database,
    organization: UUID,
    state: str,
    seconds: float = 0,
    *,
    rate: int | None = None,
    flow: bool = True,
    kind: str = "campaign",
    chunk: str = "leased",
) -> UUID:
    """A campaign's run that has been waiting, or sent by its flow, for so long."""
    values = {"id": new_id(), "organization": organization, "state": state, "seconds": seconds, "rate": rate}
    values |= {"kind": kind, "chunk": chunk}
    with database.transaction(None) as session:
        session.execute(
            text("""
                INSERT INTO runs (id, organization_id, kind, state, started_by, send_rate_per_minute, alive_at)
                VALUES (:id, :organization, :kind, :state, 'api', :rate, now() - make_interval(secs => :seconds))
            """),
            values,
        )
        if flow:
            session.execute(
                text("""
                    INSERT INTO run_flows (run_id, flow_run_id, organization_id, epoch, created_at)
                    VALUES (:id, :flow, :organization, 1, now() - make_interval(secs => :seconds))
                """),
                {**values, "flow": uuid4()},
            )
        if state == "sending":
            session.execute(
                text("""
                    INSERT INTO chunks
                        (run_id, no, organization_id, state, first_position, size, lease_until, created_at)
                    VALUES (:id, 0, :organization, :chunk, 0, 9,
                            CASE WHEN :chunk = 'leased' THEN now() + interval '1 minute' END,
                            now() - make_interval(secs => :seconds))
                """),
                values,
            )
    return UUID(str(values["id"]))


def _who_gives_way(database: Database, runs: Sequence[UUID], *, is_helper: bool = False) -> list[UUID]:
    with database.transaction(None) as session:
        return [run for run in runs if gives_way(session, run, is_helper=is_helper)]


def test_nobody_gives_way_while_nobody_waits(database):
    acme = _organization(database)
    runs = [_run(database, acme, "sending", 600) for _ in range(3)]
    assert _who_gives_way(database, runs) == _who_gives_way(database, runs, is_helper=True) == []
    _run(database, acme, "queued", 600)  # one of those who have places
    _run(database, _organization(database), "queued", 3)  # it has only come
    _run(database, _organization(database), "queued", 600, flow=False)  # Prefect does not know it
    assert _who_gives_way(database, runs) == _who_gives_way(database, runs, is_helper=True) == []


def test_the_organization_with_most_places_gives_one_and_helpers_go_at_once(database):
    acme, globex = _organization(database), _organization(database)
    runs = [_run(database, acme, "sending", seconds) for seconds in (20, 30)]
    runs += [_run(database, globex, "sending", 600)]
    paced = _run(database, acme, "sending", 900, rate=60)  # it holds none
    _run(database, _organization(database), "queued", 12)
    assert _who_gives_way(database, [*runs, paced]) == [runs[1]]
    assert _who_gives_way(database, runs, is_helper=True) == runs


def test_who_has_one_place_gives_it_up_after_a_minute(database):
    young, old = (_run(database, _organization(database), "sending", seconds) for seconds in (50, 70))
    _run(database, _organization(database), "queued", 12)
    assert _who_gives_way(database, [young, old]) == [old]


def test_imports_and_bulk_wait_for_a_place_as_well(database):
    acme, globex = _organization(database), _organization(database)
    runs = [_run(database, acme, "sending", 600) for _ in range(2)]
    bulk = _run(database, globex, "sending", 12, flow=False, kind="bulk", chunk="ready")
    assert len(_who_gives_way(database, runs)) == 1
    other = _run(database, acme, "sending", 12, flow=False, kind="bulk")  # somebody sends what is of this kind
    assert _who_gives_way(database, runs) == []
    with database.transaction(None) as session:
        session.execute(text("DELETE FROM chunks WHERE run_id = ANY(:ids)"), {"ids": [bulk, other]})
    _run(database, globex, "queued", 12, kind="import")
    assert len(_who_gives_way(database, runs)) == 1


def test_the_longer_somebody_waits_the_more_give_way(database):
    runs = [_run(database, _organization(database), "sending", 600 - no) for no in range(4)]
    _run(database, _organization(database), "queued", 31)
    assert _who_gives_way(database, runs) == runs[:3]


@pytest.mark.parametrize(("epoch", "is_queued"), [(1, True), (2, False)])
def test_who_gave_way_is_queued_again_one_epoch_later(database, epoch, is_queued):
    acme = _organization(database)
    run = _run(database, acme, "sending")
    with database.transaction(None) as session:
        assert queue_again(session, acme, run, epoch) is is_queued
        found = find_run(session, run)
        assert (found.state, found.epoch) == (("queued", 2) if is_queued else ("sending", 1))
