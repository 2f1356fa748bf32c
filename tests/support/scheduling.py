"""Which process runs which tests: those from outside share one stack, so one process has all of them."""

from xdist.scheduler import LoadScopeScheduling

_WITH_A_STACK = (
    "tests/e2e/",
    "tests/deployments/test_up.py",
    "tests/faults/test_killed_worker.py",
    "tests/faults/test_prefect_away.py",
    "tests/faults/test_waiting_holds_no_process.py",
)


class OneStack(LoadScopeScheduling):
    """Every test on its own, and the tests that need a running stack in one process, which begins with them.

    pytest-xdist's own groups are told by the test's id, which its version 3.8 can no longer change in pytest 9.2: two
    processes then started a stack each, and both had twice the time to wait.
    """

    def _split_scope(self, nodeid: str) -> str:
        return "stack" if nodeid.startswith(_WITH_A_STACK) else nodeid
