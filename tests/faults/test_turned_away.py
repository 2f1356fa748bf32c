"""Who calls the API while it cannot do anything is told when to come back, and pays once."""

import contextlib
import errno
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from psycopg import sql
from werkzeug.test import TestResponse

from models.session import psycopg_url
from tests.support.books import check_books
from tests.support.callers import Caller, an_email
from tests.support.forms import encoded, form_of
from tests.support.full_disk import said_full
from tests.support.invariants import examine_singles
from tests.support.outbox import count, send_everything, sending
from tests.support.processes import mail_server
from tests.support.sms import add_sender, number


@contextlib.contextmanager
def _no_more_connections(owner_url: str, caller: Caller) -> Iterator[None]:
    """Postgres takes none, and the API has none."""
    limit = sql.SQL("ALTER DATABASE {} CONNECTION LIMIT {}")
    name = sql.Identifier(psycopg_url(owner_url).database or "")
    with psycopg.connect(owner_url, autocommit=True) as owner:
        caller.drop_connections()
        owner.execute(limit.format(name, 0))
        try:
            yield
        finally:
            owner.execute(limit.format(name, -1))


@pytest.mark.parametrize("why", ["the database's disk is full", "connections are exhausted"])
def test_what_is_turned_away_costs_nothing_and_the_same_request_is_done_once_afterwards(
    make_engine, tmp_path, owner_url, call_as, trial, why
):
    rounds, calls = trial.of(short=(3, 20), long=(15, 100))
    with mail_server(tmp_path) as server, said_full(owner_url) as disk:
        engine = make_engine(contacts=1, smtp_url=server.url)
        caller = call_as(engine)
        with sending(engine, "email"):
            for no in range(rounds):
                emails = {f"{no}-{call}": an_email(f"p{no}.{call}@example.org") for call in range(calls)}
                done = list(emails)[: calls // 2]
                assert {caller.post("/emails/send", emails[key], key).status_code for key in done} == {202}
                before = engine.balance()
                with disk.is_full() if "disk" in why else _no_more_connections(owner_url, caller):
                    answers = [caller.post("/emails/send", body, key) for key, body in emails.items()]
                _are_told_to_come_back(answers)
                assert engine.balance() == before
                answers = [caller.post("/emails/send", body, key) for key, body in emails.items()]
                assert {answer.status_code for answer in answers} == {202}
                assert sum("Idempotent-Replayed" in answer.headers for answer in answers) == len(done)
        send_everything(engine, "email")
        found = examine_singles(engine, server.accepted())
    trial.write(f"POST /emails/send while {why}", rounds * calls, found)
    assert (found.messages, found.uncertain) == (rounds * calls, 0)


def _are_told_to_come_back(answers):
    assert {answer.status_code for answer in answers} == {503}
    assert all(answer.get_json() == {"message": "Service Unavailable"} for answer in answers)
    assert all(int(answer.headers["Retry-After"]) > 0 for answer in answers)


def test_sms_that_come_together_and_are_turned_away_cost_nothing_and_are_done_once_afterwards(
    make_engine, owner_url, call_as
):
    engine = make_engine(contacts=1)
    add_sender(engine)
    caller = call_as(engine)

    def send(no: int) -> TestResponse:
        return caller.post("/sms/send", {"recipient": number(no), "message": "1234"}, f"{no}")

    with said_full(owner_url) as disk, ThreadPoolExecutor(8) as pool:
        assert {answer.status_code for answer in pool.map(send, range(20))} == {202}
        before = engine.balance()
        with disk.is_full():
            _are_told_to_come_back(list(pool.map(send, range(40))))
        assert engine.balance() == before
        answers = list(pool.map(send, range(40)))
        assert {answer.status_code for answer in answers} == {202}
        assert sum("Idempotent-Replayed" in answer.headers for answer in answers) == 20
    assert count(engine, "SELECT count(*) FROM messages") == count(engine, "SELECT count(*) FROM outbox") == 40
    assert (1000 - engine.balance()) * 20 == (1000 - before) * 40
    check_books(engine.database)


def test_a_campaign_that_is_turned_away_stays_a_draft(make_engine, owner_url, call_as):
    engine = make_engine(contacts=20)
    caller, campaign = call_as(engine), engine.campaign()
    with said_full(owner_url) as disk:
        with disk.is_full():
            _are_told_to_come_back([caller.post(f"/campaigns/{campaign}/send", key="one")])
        assert engine.balance() == 1000
        assert caller.post(f"/campaigns/{campaign}/send", key="one").status_code == 200


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
