"""No room is left where the database is, in the middle of a run."""

import threading

import pytest

from models.session import Database, Role
from tests.support.engine import Engine
from tests.support.full_disk import said_full, small_disk
from tests.support.invariants import examine
from tests.support.postgres import own_postgres
from tests.support.processes import LogTail, mail_server, sender_environment


def test_a_database_without_room_for_a_while_loses_nobody(make_engine, tmp_path, owner_url, trial):
    people, times = trial.of(short=(2000, 3), long=(50_000, 40))
    with mail_server(tmp_path, "--delay", "2") as server, said_full(owner_url) as disk:
        engine = make_engine(contacts=people, credits_="5000", smtp_url=server.url)
        run = engine.planned()
        process = engine.drainer_process(run, sender_environment(engine))
        tail = LogTail(server.log)
        for point in sorted(trial.chance.sample(range(1, people * 3 // 4), times)):
            tail.wait(point, alive=lambda: process.poll() is None)
            with disk.is_full():
                threading.Event().wait(trial.chance.uniform(0.05, 1.0))
        assert process.wait(timeout=900) == 0
        assert engine.close(run) is not None
        found = examine(engine, run, server.accepted())
    trial.write("the database's disk full", times, found)
    assert found.uncertain == 0


def test_a_database_without_room_for_longer_than_a_lease_leaves_nothing_in_doubt(
    make_engine, tmp_path, owner_url, trial
):
    people = trial.of(short=1500, long=20_000)
    with mail_server(tmp_path, "--delay", "2") as server, said_full(owner_url) as disk:
        engine = make_engine(contacts=people, lease_seconds=3.0, smtp_url=server.url)
        run = engine.planned()
        process = engine.drainer_process(run, sender_environment(engine))
        LogTail(server.log).wait(trial.chance.randint(50, 500), alive=lambda: process.poll() is None)
        with disk.is_full():
            threading.Event().wait(5.0)  # the lease is over, and nobody can take it
        assert process.wait(timeout=120) == 0
        engine.expire_leases(run)
        engine.send(run)
        assert engine.close(run) is not None
        found = examine(engine, run, server.accepted())
    trial.write("the database's disk full for longer than a lease", 1, found)
    assert found.uncertain == 0, "The sender lived, and knew every answer."


@pytest.mark.needs("mounts")
def test_a_disk_that_is_full_to_the_last_byte_loses_nobody(tmp_path, trial):
    people, times = trial.of(short=(1500, 2), long=(40_000, 12))
    with (
        small_disk(tmp_path / "disk", megabytes=700) as disk,
        own_postgres(disk.folder) as postgres,
        mail_server(tmp_path, "--delay", "4") as server,
    ):
        settings = postgres.settings.with_values(smtp_url=server.url, chunk_size=500, data_dir=tmp_path)
        database = Database(settings, Role.ENGINE, pool_size=4)
        engine = Engine.create(settings, database, contacts=people, credits_="5000")
        run = engine.planned()
        tail = LogTail(server.log)
        process = engine.drainer_process(run, sender_environment(engine))
        for point in sorted(trial.chance.sample(range(1, people * 3 // 4), times)):
            tail.wait(point, alive=lambda: process.poll() is None)  # noqa: B023
            writer = postgres.superuser()
            with disk.is_full():
                threading.Event().wait(trial.chance.uniform(0.0, 1.0))
                postgres.use_up_log_files(writer)  # a server that cannot write its log breaks off at once
            postgres.serve_again()  # its recovery may need room as well
            if process.poll() is not None:
                database.close()  # what it kept is of the server before
                engine.expire_leases(run)
                process = engine.drainer_process(run, sender_environment(engine))
        process.wait(timeout=900)
        database.close()
        engine.expire_leases(run)
        engine.send(run)
        assert engine.close(run) is not None
        found = examine(engine, run, server.accepted())
        database.close()
    trial.write("the disk full to its last byte, below Postgres", times, found)
    assert found.uncertain <= 2 * 20 * times
