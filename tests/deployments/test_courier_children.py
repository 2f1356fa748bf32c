"""The courier's senders: one for a run, few at a time, and not one after the other where each breaks."""

from typing import ClassVar
from uuid import uuid4

import pytest

from deployments import courier_children
from deployments.courier_children import DRAINER, PACER, Children


class _Child:
    """A process that ends when the test says so."""

    started: ClassVar[list["_Child"]] = []

    def __init__(self, command: list[str], **_: object) -> None:
        self.command = command
        self.returncode: int | None = None
        _Child.started.append(self)

    def poll(self) -> int | None:
        return self.returncode


def _run_ids(count: int) -> list[str]:
    return [str(uuid4()) for _ in range(count)]


@pytest.fixture
def started(monkeypatch) -> list[_Child]:
    monkeypatch.setattr(_Child, "started", [])
    monkeypatch.setattr(courier_children.subprocess, "Popen", _Child)
    return _Child.started


def test_a_run_has_one_sender_of_ours_and_there_are_two_at_most(started):
    children, (one, two, three) = Children(), _run_ids(3)
    assert [children.start(DRAINER, run_id, "1") for run_id in (one, one, two, three)] == [True, False, True, False]
    started[0].returncode = 0
    assert children.start(DRAINER, one, "1"), "It may be needed again at once, when it ended well."


def test_a_run_whose_sender_broke_rests_and_others_do_not(started):
    children, (one, two) = Children(), _run_ids(2)
    assert children.start(DRAINER, one, "1")
    started[0].returncode = 1
    assert not children.start(DRAINER, one, "1")
    assert children.start(DRAINER, two, "1")


def test_the_rest_ends(started, monkeypatch):
    monkeypatch.setattr(courier_children, "_REST_SECONDS", 0.0)
    children, (run_id,) = Children(), _run_ids(1)
    assert children.start(DRAINER, run_id, "1")
    started[0].returncode = 1
    assert children.start(DRAINER, run_id, "1")


def test_there_is_one_pacer_beside_the_senders_of_runs(started):
    children, (one, two) = Children(), _run_ids(2)
    assert [children.start(DRAINER, run_id, "1") for run_id in (one, two)] == [True, True]
    assert [children.start(PACER), children.start(PACER)] == [True, False]
    assert started[2].command[-1] == PACER
