"""The ledger's laws, raced for."""

import threading
from collections.abc import Iterator
from decimal import Decimal

import pytest
from sqlalchemy import text

from models.errors import InsufficientCredits
from models.session import Database, Role
from models.store.ledger import post
from models.store.organizations import create_organization, top_up


@pytest.fixture
def database(settings) -> Iterator[Database]:
    database = Database(settings, Role.ENGINE, pool_size=8)
    yield database
    database.close()


@pytest.fixture
def organization_id(database):
    with database.transaction(None) as session:
        organization = create_organization(session, name="Acme")
        top_up(session, organization.id, Decimal("0.05"), reference="start")
        return organization.id


def _post(database, organization_id, key, amount, start=None, results=None):
    def work() -> None:
        try:
            with database.transaction(None) as session:
                if start is not None:
                    start.wait(10)
                answer = post(session, organization_id, kind="charge", amount=Decimal(amount), key=key, reason="test")
        except Exception as error:
            answer = type(error)
        results.append(answer)

    return work


def _race(works) -> None:
    threads = [threading.Thread(target=work) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _sums(database):
    with database.transaction(None) as session:
        row = session.execute(
            text("SELECT (SELECT balance FROM organizations), (SELECT sum(amount) FROM ledger_entries)")
        ).one()
    return tuple(row)


def test_the_same_entry_posted_at_once_is_written_once_and_nobody_fails(database, organization_id):
    for number in range(10):
        start, results = threading.Barrier(4), []
        _race([_post(database, organization_id, f"key:{number}", "-0.0010", start, results) for _ in range(4)])
        assert sorted(results, key=str) == [False, False, False, True]
    assert _sums(database) == (Decimal("0.0400"), Decimal("0.0400"))


def test_racers_for_the_last_credits_never_get_below_zero(database, organization_id):
    start, results = threading.Barrier(8), []
    _race([_post(database, organization_id, f"key:{number}", "-0.0100", start, results) for number in range(8)])
    assert results.count(True) == 5
    assert results.count(InsufficientCredits) == 3
    assert _sums(database) == (Decimal("0.0000"), Decimal("0.0000"))
