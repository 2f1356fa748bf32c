"""No room is left, where the database is and where the API puts large bodies, while messages come in and go out."""

import errno
import tempfile
import threading

import pytest

from models.session import Database, Role
from tests.support.callers import an_email
from tests.support.engine import Engine
from tests.support.forms import encoded, form_of
from tests.support.full_disk import said_full, small_disk
from tests.support.invariants import examine, examine_singles
from tests.support.outbox import send_everything, sending
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
        tail, ended = LogTail(server.log), 0
        process = engine.drainer_process(run, sender_environment(engine))
        for point in sorted(trial.chance.sample(range(1, people * 3 // 4), times)):
            tail.wait(point, alive=lambda: process.poll() is None)  # noqa: B023
            with disk.is_full():
                postgres.begin_another_log_file()  # a server that cannot write its log stops at once
                threading.Event().wait(trial.chance.uniform(0.5, 2.0))
            ended += postgres.serve_again()  # its recovery needs room as well
            if process.poll() is not None:
                engine.expire_leases(run)
                process = engine.drainer_process(run, sender_environment(engine))
        process.wait(timeout=900)
        database.close()  # its connections broke
        engine.expire_leases(run)
        engine.send(run)
        assert engine.close(run) is not None
        found = examine(engine, run, server.accepted())
        database.close()
    trial.write("the disk full to its last byte, below Postgres", times, found)
    assert ended > 0, "Postgres never noticed."
    assert found.uncertain <= 2 * 20 * times


def test_who_calls_while_there_is_no_room_is_told_to_come_back_and_pays_once(
    make_engine, tmp_path, owner_url, call_as, trial
):
    rounds, calls = trial.of(short=(3, 20), long=(40, 100))
    with mail_server(tmp_path) as server, said_full(owner_url) as disk:
        engine = make_engine(contacts=1, smtp_url=server.url)
        caller = call_as(engine)
        with sending(engine, "email"):
            for no in range(rounds):
                emails = {f"{no}-{call}": an_email(f"p{no}.{call}@example.org") for call in range(calls)}
                half = list(emails)[: calls // 2]
                assert {caller.post("/emails/send", emails[key], key).status_code for key in half} == {202}
                before = engine.balance()
                with disk.is_full():
                    answers = [caller.post("/emails/send", body, key) for key, body in emails.items()]
                _are_told_to_come_back(answers)
                assert engine.balance() == before
                answers = [caller.post("/emails/send", body, key) for key, body in emails.items()]
                assert {answer.status_code for answer in answers} == {202}
                assert sum("Idempotent-Replayed" in answer.headers for answer in answers) == len(half)
        send_everything(engine, "email")
        found = examine_singles(engine, server.accepted())
    trial.write("POST /emails/send while the database's disk is full", rounds, found)
    assert (found.messages, found.uncertain) == (rounds * calls, 0)


def _are_told_to_come_back(answers):
    assert {answer.status_code for answer in answers} == {503}
    assert all(answer.get_json() == {"message": "Service Unavailable"} for answer in answers)
    assert all(int(answer.headers["Retry-After"]) > 0 for answer in answers)


def test_a_file_for_which_there_is_no_room_is_told_so_and_nothing_is_charged(make_engine, call_as, monkeypatch):
    engine = make_engine(contacts=1)
    caller = call_as(engine)
    rollover = tempfile.SpooledTemporaryFile.rollover

    def no_room(file: tempfile.SpooledTemporaryFile[bytes]) -> None:
        file.close()
        raise OSError(errno.ENOSPC, "No space left on device")

    def send():
        large = b"a" * 1_000_000  # above what is kept in memory while it is read
        form = {**an_email("ada@example.org"), "attachments": [("report.txt", large)]}
        return caller.post("/emails/send", key="one", **encoded(form_of(form)))

    monkeypatch.setattr(tempfile.SpooledTemporaryFile, "rollover", no_room)
    _are_told_to_come_back([send()])
    assert engine.balance() == 1000
    monkeypatch.setattr(tempfile.SpooledTemporaryFile, "rollover", rollover)
    assert send().status_code == 202
