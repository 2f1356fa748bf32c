"""The Prefect server of a running stack, and what may happen to it."""

import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx2
import psutil

from deployments.state import StackState
from tests.support.stack import Stack, prefect_credentials, wait_for

_BACK_SECONDS = 240.0


class PrefectServer:
    """It is found anew for each thing that is done to it: the stack's supervisor restarts it."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._folder = Path(stack.demo.environment["EXOSEND_DATA_DIR"])

    @contextmanager
    def suspended(self) -> Iterator[None]:
        """It takes connections and answers nothing, until the block ends."""
        process = self._process()
        process.suspend()
        try:
            yield
        finally:
            process.resume()
            self.wait_back()

    def kill(self) -> None:
        """It is gone at once, and restarted a second later or more; see `wait_back`."""
        self._process().send_signal(signal.SIGKILL)

    def wipe(self) -> None:
        """Kill it; all that it remembers is gone with it."""
        process = self._process()
        process.suspend()  # so that nothing is written while it is removed
        shutil.rmtree(self._folder / "prefect")
        process.kill()

    def wait_back(self) -> None:
        """Until it answers again."""
        wait_for("Prefect's server", self._answers, _BACK_SECONDS)

    def _answers(self) -> bool:
        with suppress(httpx2.HTTPError):
            url = f"{self._stack.demo.prefect_url}/api/health"
            answer = httpx2.get(url, timeout=2, trust_env=False, auth=prefect_credentials(self._stack.demo))
            return answer.status_code == httpx2.codes.OK
        return False

    def _process(self) -> psutil.Process:
        def look() -> psutil.Process | None:
            state = StackState.load(self._folder)
            assert state is not None
            return next(service for service in state.services if service.name == "prefect").process.process()

        return wait_for("the process of Prefect's server", look)
