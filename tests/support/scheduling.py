"""Which process runs which tests: those from outside share one stack, so one process has all of them."""

import os

import pytest
from xdist.scheduler import LoadScopeScheduling

_WITH_A_STACK = (
    "tests/e2e/",
    "tests/deployments/test_up.py",
    "tests/faults/test_killed_worker.py",
    "tests/faults/test_prefect_away.py",
    "tests/faults/test_waiting_holds_no_process.py",
)

_LONGEST_FAULTS = (  # in their long form, 8 to 16 minutes each: last, they would have the machine to themselves
    "tests/faults/test_prefect_away.py",
    "tests/faults/test_ledger_simulation.py",
    "tests/faults/test_interleavings.py",
    "tests/faults/test_waiting_holds_no_process.py",
)
IS_LONG = os.environ.get("FAULTS") == "long"


def longest_first(items: list[pytest.Item]) -> None:
    """Put the longest of the long faults in front."""
    items.sort(key=lambda item: not item.nodeid.startswith(_LONGEST_FAULTS))


class OneStack(LoadScopeScheduling):
    """Every test on its own, and the tests that need a running stack in one process, which begins with them.

    pytest-xdist's own groups are told by the test's id, which its version 3.8 can no longer change in pytest 9.2: two
    processes then started a stack each, and both had twice the time to wait. Of faults in their long form, which mostly
    wait, each file has a process: one after the other they took half an hour.
    """

    def _split_scope(self, nodeid: str) -> str:
        if not nodeid.startswith(_WITH_A_STACK):
            return nodeid
        return nodeid.partition("::")[0] if IS_LONG else "stack"
