"""The courier's senders: one for a run, few at a time, and not one after the other where each breaks."""

from typing import ClassVar
from uuid import UUID, uuid4

import pytest

from deployments import courier_children
from deployments.courier_children import Children


class _Child:
    """A process that ends when the test says so."""

    started: ClassVar[list["_Child"]] = []

    def __init__(self, command: list[str]) -> None:
        self.run_id = UUID(command[-2])
        self.returncode: int | None = None
        _Child.started.append(self)

    def poll(self) -> int | None:
        return self.returncode


@pytest.fixture
def started(monkeypatch) -> list[_Child]:
    monkeypatch.setattr(_Child, "started", [])
    monkeypatch.setattr(courier_children.subprocess, "Popen", _Child)
    return _Child.started


def test_a_run_has_one_sender_of_ours_and_there_are_two_at_most(started):
    children, (one, two, three) = Children(), (uuid4(), uuid4(), uuid4())
    assert [children.start(run_id, 1) for run_id in (one, one, two, three)] == [True, False, True, False]
    started[0].returncode = 0
    assert children.start(one, 1), "It may be needed again at once, when it ended well."


def test_a_run_whose_sender_broke_rests_and_others_do_not(started):
    children, (one, two) = Children(), (uuid4(), uuid4())
    assert children.start(one, 1)
    started[0].returncode = 1
    assert not children.start(one, 1)
    assert children.start(two, 1)


def test_the_rest_ends(started, monkeypatch):
    monkeypatch.setattr(courier_children, "_REST_SECONDS", 0.0)
    children, run_id = Children(), uuid4()
    assert children.start(run_id, 1)
    started[0].returncode = 1
    assert children.start(run_id, 1)
