"""Equal POSTs at the same moment under one key: one does the work."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Event
from typing import Any

import pytest

from models.store import idempotency_keys

KEY = {"Idempotency-Key": "3f0c6a1e"}
CONTACT = {"email": "a@example.com"}


class Gate:
    """Holds back whoever is about to keep an answer: its work is done and not committed."""

    def __init__(self) -> None:
        self.reached = Event()
        self.open = Event()


@pytest.fixture
def gate(monkeypatch) -> Iterator[Gate]:
    gate = Gate()
    keep = idempotency_keys.keep_answer

    def wait(*args: Any) -> None:
        gate.reached.set()
        assert gate.open.wait(30)
        keep(*args)

    monkeypatch.setattr(idempotency_keys, "keep_answer", wait)
    yield gate
    gate.open.set()


def test_while_one_is_being_worked_on_the_other_is_told_so(acme, gate) -> None:
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(acme.post, "/contacts", CONTACT, headers=KEY)
        assert gate.reached.wait(30)
        second = acme.post("/contacts", CONTACT, headers=KEY)
        other = acme.post("/contacts", {"email": "b@example.com"}, headers=KEY)
        without = acme.post("/contact-lists", {"name": "L"})
        gate.open.set()
        assert first.result(30).status_code == 201
    for refused in (second, other):
        assert refused.status_code == 409
        assert refused.get_json() == {
            "success": False,
            "message": "A request with this Idempotency-Key is being worked on. Try again later.",
            "error": {"code": "idempotency_key_in_use", "current_status": None},
        }
    assert without.status_code == 201
    again = acme.post("/contacts", CONTACT, headers=KEY)
    assert (again.status_code, again.headers["Idempotent-Replayed"]) == (201, "true")
    assert again.data == first.result().data


def test_the_same_key_of_another_organization_waits_for_nobody(acme, globex, gate) -> None:
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(acme.post, "/contacts", CONTACT, headers=KEY)
        assert gate.reached.wait(30)
        # An error keeps nothing, so it does not stop at the gate.
        assert globex.post("/contacts", {}, headers=KEY).status_code == 422
        gate.open.set()
        assert first.result(30).status_code == 201


def test_of_many_at_once_one_works_and_the_others_get_its_answer_or_are_told_to_wait(acme) -> None:
    barrier = Barrier(6, timeout=30)

    def call(_number: int):
        barrier.wait()
        return acme.post("/contacts", CONTACT, headers=KEY)

    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(call, range(6)))
    worked = [answer for answer in answers if answer.status_code == 201]
    assert {answer.status_code for answer in answers} <= {201, 409}
    assert len({answer.data for answer in worked}) == 1
    assert sum("Idempotent-Replayed" not in answer.headers for answer in worked) == 1
    assert acme.get("/contacts").get_json()["data"]["pagination"]["total"] == 1


def test_replays_do_not_keep_each_other_waiting(acme) -> None:
    acme.post("/contacts", CONTACT, headers=KEY)
    barrier = Barrier(6, timeout=30)

    def call(_number: int):
        barrier.wait()
        return acme.post("/contacts", CONTACT, headers=KEY)

    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(call, range(6)))
    assert [(answer.status_code, answer.headers["Idempotent-Replayed"]) for answer in answers] == [(201, "true")] * 6
