"""Imports beside each other, beside people who change contacts and lists, and after a break in the middle."""

import threading
from uuid import UUID

import psycopg
import pytest
from sqlalchemy import text

from models.store.contact_lists import delete_contact_list
from models.store.loose_ends import requeue_stuck, silent_runs
from tasks.runs import importing
from tasks.runs.importing import accept_import, run_import

CSV = "email\n" + "".join(f"new{i}@example.com\n" for i in range(50))


@pytest.fixture
def engine(make_engine):
    return make_engine(contacts=2)


def _accept(engine, content: str = CSV, list_id: UUID | None = None) -> UUID:
    with engine.database.transaction(engine.organization_id) as session:
        run = accept_import(session, engine.organization_id, content.encode(), file_name=None, list_id=list_id)
        return run.id


def _one(engine, query: str, **values: object):
    with engine.database.transaction(None) as session:
        return session.execute(text(query), {"organization": engine.organization_id, **values}).scalar_one()


def _counts(engine) -> tuple[int, int, int, int]:
    """Contacts by their counter and recounted, members of the list by its counter and recounted."""
    return (
        _one(engine, "SELECT contacts_count FROM organizations"),
        _one(engine, "SELECT count(*) FROM contacts"),
        _one(engine, "SELECT contacts_count FROM contact_lists"),
        _one(engine, "SELECT count(*) FROM contact_list_members"),
    )


def _at_once(works) -> None:
    threads = [threading.Thread(target=work) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


@pytest.fixture(autouse=True)
def _counters_start_right(engine) -> None:
    with engine.database.transaction(None) as session:
        session.execute(text("UPDATE organizations SET contacts_count = 2"))
        session.execute(text("UPDATE contact_lists SET contacts_count = 2"))


def test_one_import_run_by_two_flows_at_once_is_imported_once(engine):
    import_id = _accept(engine, list_id=engine.list_id)
    results = []
    _at_once([lambda: results.append(run_import(engine.database, import_id, engine.settings))] * 3)
    assert sorted(result.imported if result else 0 for result in results) == [0, 0, 50]
    assert _counts(engine) == (52, 52, 52, 52)


def test_the_same_file_imported_twice_at_once_counts_everybody_once(engine):
    imports = [_accept(engine, list_id=engine.list_id) for _ in range(3)]
    results = []
    _at_once([lambda id_=id_: results.append(run_import(engine.database, id_, engine.settings)) for id_ in imports])
    assert sorted(result.imported for result in results) == [0, 0, 50]
    assert _counts(engine) == (52, 52, 52, 52)


def test_an_import_that_waits_for_its_list_keeps_nobody_from_the_balance(engine):
    import_id = _accept(engine, list_id=engine.list_id)
    worker = threading.Thread(target=run_import, args=(engine.database, import_id, engine.settings))
    with engine.database.transaction(None) as session:
        # As somebody who removes a contact: first its lists, then the organization.
        session.execute(text("SELECT FROM contact_lists FOR NO KEY UPDATE"))
        worker.start()
        waiting = (
            "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
        )
        while _one(engine, waiting) == 0 and worker.is_alive():
            pass
        session.execute(text("SELECT FROM organizations FOR NO KEY UPDATE NOWAIT"))
    worker.join()
    assert _counts(engine) == (52, 52, 52, 52)


def test_an_import_whose_list_was_removed_meanwhile_imports_the_contacts(engine):
    import_id = _accept(engine, list_id=engine.list_id)
    with engine.database.transaction(None) as session:
        delete_contact_list(session, engine.organization_id, engine.list_id)
    result = run_import(engine.database, import_id, engine.settings)
    assert result is not None
    assert result.imported == 50


def test_an_import_that_postgres_broke_off_is_started_again_not_failed(engine, monkeypatch):
    import_id = _accept(engine)
    store = importing.store_contacts

    def break_off(*_):
        raise psycopg.errors.LockNotAvailable("canceling statement due to lock timeout")

    monkeypatch.setattr(importing, "store_contacts", break_off)
    with pytest.raises(psycopg.errors.LockNotAvailable):
        run_import(engine.database, import_id, engine.settings)
    assert _one(engine, "SELECT state FROM runs") == "planning"
    monkeypatch.setattr(importing, "store_contacts", store)
    with engine.database.transaction(None) as session:
        session.execute(text("UPDATE runs SET alive_at = now() - interval '1 hour'"))
        session.execute(
            text(
                "INSERT INTO run_flows (run_id, flow_run_id, organization_id, epoch)"
                " SELECT id, id, organization_id, 1 FROM runs"
            )
        )
        (silent,) = silent_runs(session, silent_for_seconds=90, limit=10)
        assert silent.run_id == import_id
        assert requeue_stuck(session, silent)
    result = run_import(engine.database, import_id, engine.settings)
    assert result is not None
    assert result.imported == 50


def test_an_import_with_a_fault_of_ours_fails_with_a_reason(engine, monkeypatch):
    import_id = _accept(engine)
    monkeypatch.setattr(importing, "store_contacts", lambda *_: 1 // 0)
    with pytest.raises(ZeroDivisionError):
        run_import(engine.database, import_id, engine.settings)
    assert _one(engine, "SELECT state FROM runs") == "failed"
