"""The gate asks for all requests that wait at once, and one request's failure is not another's."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from uuid import UUID, uuid4

import pytest
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from api import gate as gate_module
from api.gate import Gate
from models.store.tokens import Admission, Caller
from tests.support.outbox import wait_until

_SECRET = b"hash"


class Postgres:
    """Stands for the statement: admits every token. The first call waits until it may answer."""

    def __init__(self) -> None:
        self.calls: list[list[UUID]] = []
        self.may_answer = Event()
        self.fails = False

    def __call__(self, connection: object, asked: Sequence[tuple[UUID, bytes]]) -> list[Admission | None]:
        self.calls.append([token_id for token_id, _ in asked])
        if len(self.calls) == 1:
            assert self.may_answer.wait(30)
            if self.fails:
                raise ConnectionError("gone")
        return [Admission(Caller(uuid4(), None, token_id, (), 60), 1, None) for token_id, _ in asked]


@pytest.fixture
def postgres(monkeypatch: pytest.MonkeyPatch) -> Postgres:
    found = Postgres()
    monkeypatch.setattr(gate_module, "admit", found)
    return found


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(8) as pool:
        yield pool


def _admit(gate: Gate) -> Callable[[UUID], Admission | None]:
    return lambda token_id: gate.admit(None, token_id, _SECRET)  # type: ignore[arg-type]


def _asked(pool: ThreadPoolExecutor, gate: Gate, postgres: Postgres, tokens: Sequence[UUID]):
    """One that asks, and the others, which wait."""
    first = pool.submit(_admit(gate), tokens[0])
    wait_until(lambda: postgres.calls)
    others = [pool.submit(_admit(gate), token) for token in tokens[1:]]
    wait_until(lambda: len(gate._waiting) == len(others))
    return first, others


def test_those_that_wait_are_asked_for_together_and_each_gets_its_own_answer(postgres, pool) -> None:
    tokens = [uuid4() for _ in range(6)]
    first, others = _asked(pool, Gate(), postgres, tokens)
    postgres.may_answer.set()
    assert [each.result(30).caller.token_id for each in (first, *others)] == tokens
    assert [sorted(call) for call in postgres.calls] == [tokens[:1], sorted(tokens[1:])]


def test_who_fails_fails_alone(postgres, pool) -> None:
    tokens = [uuid4() for _ in range(4)]
    gate = Gate()
    first, others = _asked(pool, gate, postgres, tokens)
    postgres.fails = True
    postgres.may_answer.set()
    with pytest.raises(ConnectionError):
        first.result(30)
    assert [each.result(30).caller.token_id for each in others] == tokens[1:]
    assert _admit(gate)(tokens[0]).caller.token_id == tokens[0]


def test_nobody_waits_for_ever_and_the_gate_goes_on(postgres, pool, monkeypatch) -> None:
    monkeypatch.setattr(gate_module, "_WAIT_SECONDS", 0.05)
    tokens = [uuid4() for _ in range(2)]
    gate = Gate()
    first = pool.submit(_admit(gate), tokens[0])
    wait_until(lambda: postgres.calls)
    with pytest.raises(PoolTimeoutError):
        _admit(gate)(tokens[1])
    postgres.may_answer.set()
    assert first.result(30).caller.token_id == tokens[0]
    assert _admit(gate)(tokens[1]).caller.token_id == tokens[1]
    assert postgres.calls == [tokens[:1], tokens[1:]]
