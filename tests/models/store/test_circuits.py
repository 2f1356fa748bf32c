"""Circuits of providers on real Postgres: shared by whoever asks, on any connection."""

from collections.abc import Iterator

import pytest
from sqlalchemy import text

from models.rules.circuit import FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS, OPEN_AFTER
from models.session import Database, Role
from models.settings import Settings
from models.store import circuits
from models.store.circuits import Admission

NAME = "email/smtp"


@pytest.fixture
def database(settings: Settings) -> Iterator[Database]:
    found = Database(settings, Role.ENGINE, pool_size=4)
    yield found
    found.close()


def _longest_wait(opened: int) -> float:
    """After so many pauses that led to nothing: each is twice as long as the one before."""
    return min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2**opened)


def _admit(database: Database) -> Admission:
    with database.transaction(None) as session:
        return circuits.admit(session, NAME)


def _fail(database: Database, times: int = 1) -> bool:
    is_open = False
    for _ in range(times):
        with database.transaction(None) as session:
            is_open = circuits.note_failure(session, NAME, "refused")
    return is_open


def _succeed(database: Database) -> None:
    with database.transaction(None) as session:
        circuits.note_success(session, NAME)


def _pause_is_over(database: Database) -> None:
    with database.transaction(None) as session:
        session.execute(text("UPDATE provider_circuits SET open_until = now() WHERE open_until IS NOT NULL"))
        session.execute(text("UPDATE provider_circuits SET throttled_until = now()"))


def _wait(database: Database) -> float:
    with database.transaction(None) as session:
        return circuits.standing(session, NAME).wait_seconds


def _rows(database: Database) -> int:
    with database.transaction(None) as session:
        return int(session.execute(text("SELECT count(*) FROM provider_circuits")).scalar_one())


def test_it_opens_after_some_failures_in_a_row_and_not_before(database: Database) -> None:
    assert not _fail(database, OPEN_AFTER - 1)
    assert _admit(database) == Admission(go=True)
    assert _fail(database)
    assert _admit(database) == Admission(go=False)
    assert 0 < _wait(database) <= _longest_wait(0)


def test_a_success_in_between_begins_the_count_anew(database: Database) -> None:
    _fail(database, OPEN_AFTER - 1)
    _succeed(database)
    assert _rows(database) == 0
    assert not _fail(database, OPEN_AFTER - 1)


def test_windows_that_were_out_when_it_opened_do_not_make_the_pause_longer(database: Database) -> None:
    _fail(database, OPEN_AFTER + 5)
    assert _wait(database) <= _longest_wait(0)


def test_half_open_one_sender_tries_and_the_others_wait(database: Database) -> None:
    _fail(database, OPEN_AFTER)
    _pause_is_over(database)
    assert _admit(database) == Admission(go=True, probes=True)
    assert [_admit(database).go for _ in range(3)] == [False] * 3
    with database.transaction(None) as session:
        assert circuits.rest_seconds(session, NAME) > 0


def test_whoever_has_nothing_to_try_with_leaves_it_to_another(database: Database) -> None:
    _fail(database, OPEN_AFTER)
    _pause_is_over(database)
    assert _admit(database).probes
    with database.transaction(None) as session:
        circuits.give_up_probe(session, NAME)
    assert _admit(database).probes


def test_a_sender_that_died_while_it_tried_is_followed_by_another(database: Database) -> None:
    _fail(database, OPEN_AFTER)
    _pause_is_over(database)
    assert _admit(database).probes
    with database.transaction(None) as session:
        session.execute(text("UPDATE provider_circuits SET probed_until = now()"))
    assert _admit(database).probes


def test_each_failed_try_makes_the_pause_longer_and_a_success_closes_it(database: Database) -> None:
    _fail(database, OPEN_AFTER)
    for opened in range(1, 9):
        _pause_is_over(database)
        assert _admit(database).probes
        assert _fail(database)
        assert _longest_wait(opened - 1) - 1 < _wait(database) <= _longest_wait(opened)
    _pause_is_over(database)
    assert _admit(database).probes
    _succeed(database)
    assert (_rows(database), _admit(database)) == (0, Admission(go=True))
    assert not _fail(database)


def test_a_pause_that_the_provider_asked_for_holds_for_everybody_and_outlasts_a_success(database: Database) -> None:
    for seconds in (30.0, 10.0):
        with database.transaction(None) as session:
            circuits.note_throttled(session, NAME, seconds)
    assert 25 < _wait(database) <= 30
    _succeed(database)
    assert _admit(database) == Admission(go=False)
    _pause_is_over(database)
    assert _admit(database) == Admission(go=True)
    _succeed(database)
    assert _rows(database) == 0


def test_one_provider_s_trouble_is_not_another_s(database: Database) -> None:
    _fail(database, OPEN_AFTER)
    with database.transaction(None) as session:
        assert circuits.admit(session, "sms/sandbox") == Admission(go=True)
        [named] = circuits.unavailable(session)
    assert (named.name, named.detail) == (NAME, "refused")
