"""Who fails too often has to wait, longer each time; also for accounts that are not there."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import text

from models.rules.roles import UserRole
from tests.support.panel import PASSWORD, Person, make_person


@pytest.fixture
def olga(app, engine, acme) -> Person:
    return make_person(app, engine, UserRole.OWNER, acme.organization_id, "olga@example.com")


def _try(person: Person, email: str = "olga@example.com", password: str = "wrong", address: str = "192.0.2.1"):
    form = person.form("/admin/login", "/admin/login") | {"email": email, "password": password}
    return person.client.post("/admin/login", data=form, environ_base={"REMOTE_ADDR": address})


def _later(engine, seconds: int) -> None:
    with engine.transaction(None) as session:
        session.execute(
            text("UPDATE login_failures SET retry_at = retry_at - :passed, failed_at = failed_at - :passed"),
            {"passed": timedelta(seconds=seconds)},
        )


@pytest.mark.parametrize("email", ["olga@example.com", "nobody@example.com"])
def test_after_five_failures_an_account_waits_longer_each_time(olga, engine, email) -> None:
    assert [_try(olga, email).status_code for _ in range(5)] == [422] * 5
    waits = []
    for _ in range(7):
        answer = _try(olga, email, PASSWORD)
        assert answer.status_code == 429
        assert "Too many failed attempts. Try again in" in answer.text
        waits.append(round(int(answer.headers["Retry-After"]), -1))
        _later(engine, waits[-1] + 5)
        assert _try(olga, email).status_code == 422
    assert waits == [30, 60, 120, 240, 480, 900, 900]


def test_the_right_password_after_the_wait_makes_all_good(olga, engine) -> None:
    for _ in range(5):
        _try(olga)
    _later(engine, 31)
    assert _try(olga, password=PASSWORD).status_code == 303
    assert [_try(olga).status_code for _ in range(5)] == [422] * 5


def test_another_account_and_another_address_go_on(olga, engine, app, acme) -> None:
    max_ = make_person(app, engine, UserRole.MEMBER, acme.organization_id, "max@example.com")
    for _ in range(6):
        _try(olga)
    assert _try(olga).status_code == 429
    assert _try(max_, "max@example.com", PASSWORD).status_code == 303


@pytest.mark.parametrize(
    ("address", "neighbour", "stranger"),
    [("192.0.2.1", "192.0.2.1", "192.0.2.2"), ("2001:db8:1:2::3", "2001:db8:1:2:4::5", "2001:db8:1:3::3")],
)
def test_an_address_that_tries_many_accounts_waits_as_well(olga, address, neighbour, stranger) -> None:
    for number in range(20):
        assert _try(olga, f"{number}@example.com", address=address).status_code == 422
    assert _try(olga, "one-more@example.com", address=neighbour).status_code == 429
    assert _try(olga, password=PASSWORD, address=stranger).status_code == 303


def test_failures_are_forgotten_after_a_day(olga, engine) -> None:
    for _ in range(5):
        _try(olga)
    _later(engine, 86_500)
    assert [_try(olga).status_code for _ in range(5)] == [422] * 5


def test_tries_that_come_together_all_count(olga, app) -> None:
    people = [Person(app, olga.email, olga.user_id, olga.role, olga.organization_id) for _ in range(8)]
    with ThreadPoolExecutor(8) as pool:
        statuses = sorted(answer.status_code for answer in pool.map(_try, people))
    assert statuses == [422] * 5 + [429] * 3
