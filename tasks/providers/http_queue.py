"""The requests that wait for an HTTP connection, and the calls that they belong to.

As in smtp_queue.py a position in a call is all that travels between connections: 500 requests cost one future.
"""

import asyncio
from collections import deque
from collections.abc import Sequence
from itertools import repeat
from math import inf
from time import monotonic

from tasks.providers.base import LATE
from tasks.providers.http_exchange import CONNECTION, Request, Result, Unwritten

_TOO_LATE = Unwritten(LATE, "Its turn did not come in time.")


class OpenCall:
    """Requests that were given together. `results` fills up as answers come; `finished` is done with the last."""

    __slots__ = ("finished", "missing", "over", "requests", "results", "tries", "until")

    def __init__(self, requests: Sequence[Request], finished: asyncio.Future[None], until: float = inf) -> None:
        self.requests = requests
        self.results: list[Result | None] = [None] * len(requests)
        self.missing = len(requests)
        self.over = not requests  # nothing more may be written for it
        self.tries: dict[int, int] = {}  # by index, of requests whose connection broke before they were written whole
        self.finished = finished
        self.until = until  # time.monotonic

    def settle(self, index: int, result: Result) -> None:
        """Record what became of one request; a second word about it is ignored."""
        if self.results[index] is not None:
            return
        self.results[index] = result
        self.missing -= 1
        if not self.missing:
            self.over = True
            if not self.finished.done():
                self.finished.set_result(None)

    def settle_rest(self, result: Result) -> None:
        """Record `result` for all that have none, and end the call."""
        self.over = True
        for index, known in enumerate(self.results):
            if known is None:
                self.settle(index, result)

    def answer(self) -> list[Result]:
        """The results of a call that is over, in the order of its requests."""
        return [result for result in self.results if result is not None]


Slot = tuple[OpenCall, int]


class RequestQueue:
    """First in, first out, over all open calls. `limit`: how often one request is begun on a new connection."""

    def __init__(self, limit: int) -> None:
        self._slots: deque[Slot] = deque()
        self._limit = limit

    def __len__(self) -> int:
        return len(self._slots)

    def put(self, call: OpenCall) -> None:
        """Add all requests of a call."""
        self._slots.extend(zip(repeat(call), range(len(call.requests))))

    def take(self) -> Slot | None:
        """The next that may be written. What is late by now is settled on the way."""
        slots = self._slots
        while slots:
            call, index = slot = slots.popleft()
            if call.over:
                continue
            if call.until != inf and monotonic() > call.until:
                call.settle(index, _TOO_LATE)
                continue
            return slot
        return None

    def give_back(self, slot: Slot, detail: str) -> None:
        """A connection broke before the request was written whole: it is the next one, or was begun too often."""
        call, index = slot
        if call.over:
            return
        tries = call.tries[index] = call.tries.get(index, 0) + 1
        if tries < self._limit:
            self._slots.appendleft(slot)
        else:
            call.settle(index, Unwritten(CONNECTION, detail))

    def drain(self, result: Result) -> None:
        """Settle everything that waits."""
        slots, self._slots = self._slots, deque()
        for call, index in slots:
            call.settle(index, result)
