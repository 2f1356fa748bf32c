"""Calls that have not returned, and the queue of what waits in them for a connection.

A position in a call, (call, index), is all that travels between connections: 500 messages make 500 tuples and one
future, no task or future of their own (at 17,000 messages a second each would cost a tenth of the time there is).
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from itertools import repeat
from math import inf
from time import monotonic
from typing import Generic, TypeVar

from tasks.providers.until import NEVER, Until

ItemT = TypeVar("ItemT")
ResultT = TypeVar("ResultT")


class OpenCall(Generic[ItemT, ResultT]):
    """Items that were given together. `results` is filled in as answers come; `finished` is done with the last."""

    __slots__ = ("finished", "items", "missing", "over", "results", "tries", "until")

    def __init__(self, items: Sequence[ItemT], finished: asyncio.Future[None], until: Until = NEVER) -> None:
        self.items = items
        self.results: list[ResultT | None] = [None] * len(items)
        self.missing = len(items)
        self.over = not items  # nothing more may be handed over for it
        self.tries: dict[int, int] = {}  # by index, only for items whose connection broke
        self.finished = finished
        self.until = until  # what is not begun by then is not begun

    def settle(self, index: int, result: ResultT) -> None:
        """Record what became of one item; a second word about the same item is ignored."""
        if self.results[index] is not None:
            return
        self.results[index] = result
        self.missing -= 1
        if not self.missing:
            self.over = True
            if not self.finished.done():
                self.finished.set_result(None)

    def settle_rest(self, result: ResultT) -> None:
        """Record `result` for all items that have none, and end the call."""
        self.over = True
        for index, known in enumerate(self.results):
            if known is None:
                self.settle(index, result)

    def answer(self) -> list[ResultT]:
        """The results of a call that is over, in the order of its items."""
        return [result for result in self.results if result is not None]


class WaitingQueue(Generic[ItemT, ResultT]):
    """First in, first out, over all open calls.

    `limit`: how often an item is offered to a new connection; `given_up` makes of a code and a detail what becomes of
    it after that, and `too_late` is what becomes of it once its call's `until` is past.
    """

    def __init__(self, limit: int, given_up: Callable[[str, str], ResultT], too_late: ResultT) -> None:
        self._slots: deque[tuple[OpenCall[ItemT, ResultT], int]] = deque()
        self._limit = limit
        self._given_up = given_up
        self._too_late = too_late

    def __len__(self) -> int:
        return len(self._slots)

    def put(self, call: OpenCall[ItemT, ResultT]) -> None:
        """Add all items of a call."""
        self._slots.extend(zip(repeat(call), range(len(call.items))))

    def take(self, in_seconds: float = 0.0) -> tuple[OpenCall[ItemT, ResultT], int] | None:
        """The next that may go out, in so many seconds: none is taken that would be late by then. What is late by now
        is settled on the way."""
        slots = self._slots
        while slots:
            slot = slots.popleft()
            call, index = slot
            if call.over:
                continue
            if (until := call.until.at) != inf and (now := monotonic()) + in_seconds > until:
                if now <= until:
                    slots.appendleft(slot)
                    return None
                call.settle(index, self._too_late)
                continue
            return slot
        return None

    def give_back(self, slot: tuple[OpenCall[ItemT, ResultT], int], detail: str, code: str = "connection") -> None:
        """A connection broke before the item was handed over: it is the next one to go out, or, offered too often,
        given up with `code` and `detail`."""
        call, index = slot
        if call.over:
            return
        tries = call.tries[index] = call.tries.get(index, 0) + 1
        if tries < self._limit:
            self._slots.appendleft(slot)
        else:
            call.settle(index, self._given_up(code, detail))

    def drain(self, result: ResultT) -> None:
        """Settle everything that waits."""
        slots, self._slots = self._slots, deque()
        for call, index in slots:
            call.settle(index, result)
