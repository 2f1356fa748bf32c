"""Calls in order, on threads that others use as well."""

import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import Any, ParamSpec, TypeVar

_P = ParamSpec("_P")
_T = TypeVar("_T")


class Strand(Executor):
    """Runs what is submitted one after the other, in order, on an executor shared with other strands.

    As `ThreadPoolExecutor(1)`, without a thread that waits while there is nothing to do.
    """

    def __init__(self, threads: Executor) -> None:
        self._threads = threads
        self._waiting: deque[Callable[[], None]] = deque()
        self._is_running = False
        self._is_idle = threading.Condition()

    def submit(self, fn: Callable[_P, _T], /, *args: _P.args, **kwargs: _P.kwargs) -> Future[_T]:
        """See Executor."""
        future: Future[_T] = Future()

        def work() -> None:
            if not future.set_running_or_notify_cancel():
                return
            try:
                result = fn(*args, **kwargs)
            except BaseException as error:
                future.set_exception(error)
            else:
                future.set_result(result)

        with self._is_idle:
            self._waiting.append(work)
            if not self._is_running:
                self._is_running = True
                self._threads.submit(self._next)
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Wait until nothing is left to run. The shared threads go on."""
        with self._is_idle:
            if cancel_futures:
                self._waiting.clear()
            if wait:
                self._is_idle.wait_for(lambda: not self._is_running)

    def _next(self, *_: Any) -> None:
        with self._is_idle:
            work = self._waiting.popleft() if self._waiting else None
        if work is not None:
            work()
        with self._is_idle:
            if self._waiting:
                self._threads.submit(self._next)  # behind the other strands' calls: nobody keeps the threads
            else:
                self._is_running = False
                self._is_idle.notify_all()
