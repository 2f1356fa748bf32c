"""Who waits is asked for together, and one request's failure is not another's."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from api import together as module
from api.together import Together
from tests.support.outbox import wait_until


class Postgres:
    """Stands for the statement: the answer to a number is its square. The first call waits until it may answer."""

    def __init__(self) -> None:
        self.calls: list[list[int]] = []
        self.may_answer = Event()
        self.fails = False

    def __call__(self, hand: None, asked: Sequence[int]) -> list[int]:
        self.calls.append(list(asked))
        if len(self.calls) == 1:
            assert self.may_answer.wait(30)
            if self.fails:
                raise ConnectionError("gone")
        return [number * number for number in asked]


def _no_hand() -> None:
    return None


@pytest.fixture
def postgres() -> Postgres:
    return Postgres()


@pytest.fixture
def gate(postgres: Postgres) -> Together[None, int, int]:
    return Together(postgres)


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(8) as pool:
        yield pool


def _asked(pool, gate, postgres, numbers: Sequence[int]):
    """One that asks, and the others, which wait."""
    first = pool.submit(gate.ask, _no_hand, numbers[0])
    wait_until(lambda: postgres.calls)
    others = [pool.submit(gate.ask, _no_hand, number) for number in numbers[1:]]
    wait_until(lambda: gate.waiting() == len(others))
    return first, others


def test_those_that_wait_are_asked_for_together_and_each_gets_its_own_answer(postgres, gate, pool) -> None:
    first, others = _asked(pool, gate, postgres, range(6))
    postgres.may_answer.set()
    assert [each.result(30) for each in (first, *others)] == [0, 1, 4, 9, 16, 25]
    assert [sorted(call) for call in postgres.calls] == [[0], [1, 2, 3, 4, 5]]


def test_who_fails_fails_alone(postgres, gate, pool) -> None:
    first, others = _asked(pool, gate, postgres, range(4))
    postgres.fails = True
    postgres.may_answer.set()
    with pytest.raises(ConnectionError):
        first.result(30)
    assert [each.result(30) for each in others] == [1, 4, 9]
    assert gate.ask(_no_hand, 0) == 0


def test_who_has_another_key_does_not_wait(postgres, gate, pool) -> None:
    first, others = _asked(pool, gate, postgres, range(2))
    assert gate.ask(_no_hand, 7, key="another") == 49
    postgres.may_answer.set()
    assert [each.result(30) for each in (first, *others)] == [0, 1]


def test_nobody_waits_for_ever_and_the_next_ones_are_answered(postgres, gate, pool, monkeypatch) -> None:
    monkeypatch.setattr(module, "_WAIT_SECONDS", 0.05)
    first, _ = _asked(pool, gate, postgres, [2])
    with pytest.raises(PoolTimeoutError):
        gate.ask(_no_hand, 3)
    postgres.may_answer.set()
    assert first.result(30) == 4
    assert gate.ask(_no_hand, 5) == 25
    assert postgres.calls == [[2], [5]]


def test_only_who_asks_for_all_takes_a_connection(postgres, gate, pool) -> None:
    taken: list[int] = []

    def ask(number: int) -> int:
        return gate.ask(lambda: taken.append(number), number)

    first = pool.submit(ask, 0)
    wait_until(lambda: postgres.calls)
    others = [pool.submit(ask, number) for number in range(1, 5)]
    wait_until(lambda: gate.waiting() == len(others))
    postgres.may_answer.set()
    assert [each.result(30) for each in (first, *others)] == [0, 1, 4, 9, 16]
    assert len(taken) == len(postgres.calls) == 2


def test_where_no_connection_can_be_had_all_that_wait_for_it_are_told_so(postgres, gate, pool) -> None:
    tries: list[int] = []
    may_fail = Event()

    def connect() -> None:
        tries.append(1)
        assert may_fail.wait(30)
        raise ConnectionError("away")

    first = pool.submit(gate.ask, connect, 0)
    wait_until(lambda: tries)
    others = [pool.submit(gate.ask, connect, number) for number in range(1, 5)]
    wait_until(lambda: gate.waiting() == 1 + len(others))
    may_fail.set()
    with pytest.raises(ConnectionError):
        first.result(30)
    for each in others:
        with pytest.raises(PoolTimeoutError):
            each.result(30)
    assert (len(tries), postgres.calls) == (1, [])
    postgres.may_answer.set()
    assert gate.ask(_no_hand, 3) == 9
