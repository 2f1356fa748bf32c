"""The messages that wait for an SMTP connection, and the `send` calls that they belong to.

A position in a call, (call, index), is all that travels between connections: 500 messages make 500 tuples and one
future, no task or future of their own (at 17,000 messages a second each would cost a tenth of the time there is).
"""

import asyncio
import re
from collections import deque
from collections.abc import Sequence
from itertools import repeat
from math import inf
from time import monotonic

from tasks.providers.base import LATE, Outcome, OutcomeKind, OutgoingMessage

# What would end the command or its argument early. Addresses are checked long before; this holds the line against
# command injection whatever comes.
_UNSAFE = re.compile(r"[\x00-\x20\x7f<>]")


_TOO_LATE = Outcome(OutcomeKind.UNSENT, code=LATE, detail="Its turn did not come in time.")


class OpenCall:
    """One `send` that has not returned. `outcomes` is filled in as answers come; `finished` is done with the last."""

    __slots__ = ("finished", "messages", "missing", "outcomes", "over", "tries", "until")

    def __init__(self, messages: Sequence[OutgoingMessage], finished: asyncio.Future[None], until: float = inf) -> None:
        self.messages = messages
        self.outcomes: list[Outcome | None] = [None] * len(messages)
        self.missing = len(messages)
        self.over = False  # nothing more may be handed over for it
        self.tries: dict[int, int] = {}  # by index, only for messages whose connection broke
        self.finished = finished
        self.until = until  # time.monotonic; what is not begun by then is not begun

    def settle(self, index: int, outcome: Outcome) -> None:
        """Record the answer for one message; a second one for the same message is ignored."""
        if self.outcomes[index] is not None:
            return
        self.outcomes[index] = outcome
        self.missing -= 1
        if not self.missing:
            self.over = True
            if not self.finished.done():
                self.finished.set_result(None)

    def settle_rest(self, outcome: Outcome) -> None:
        """Record `outcome` for all messages that have no answer, and end the call."""
        self.over = True
        for index, known in enumerate(self.outcomes):
            if known is None:
                self.settle(index, outcome)

    def answer(self) -> list[Outcome]:
        """The outcomes of a call that is over, in the order of its messages."""
        return [outcome for outcome in self.outcomes if outcome is not None]


Slot = tuple[OpenCall, int]


class MessageQueue:
    """First in, first out, over all open calls. `limit` bounds how often a message is offered to a new connection."""

    def __init__(self, limit: int) -> None:
        self._slots: deque[Slot] = deque()
        self._limit = limit

    def __len__(self) -> int:
        return len(self._slots)

    def put(self, call: OpenCall) -> None:
        """Add all messages of a call."""
        self._slots.extend(zip(repeat(call), range(len(call.messages))))

    def take(self, size_limit: int, smtputf8: bool, in_seconds: float = 0.0) -> Slot | None:
        """The next message that may go to a server with these abilities (`size_limit` in bytes, 0 = none).

        `in_seconds`: when its body will go out. None is taken that would be late by then.

        What cannot go there is settled on the way: an unusable address, more than the server's SIZE (RFC 1870),
        an address that needs SMTPUTF8 (RFC 6531) where the server does not know it.
        """
        slots = self._slots
        while slots:
            slot = slots.popleft()
            call, index = slot
            if call.over:
                continue
            if call.until != inf and (now := monotonic()) + in_seconds > call.until:
                if now <= call.until:
                    slots.appendleft(slot)
                    return None
                call.settle(index, _TOO_LATE)
                continue
            obstacle = _obstacle(call.messages[index], size_limit, smtputf8)
            if obstacle is None:
                return slot
            call.settle(index, obstacle)
        return None

    def give_back(self, slot: Slot, detail: str, code: str = "connection") -> None:
        """A connection broke before the message was handed over: it is the next one to go out, or, offered too
        often, deferred with `code` and `detail`."""
        call, index = slot
        if call.over:
            return
        tries = call.tries[index] = call.tries.get(index, 0) + 1
        if tries < self._limit:
            self._slots.appendleft(slot)
        else:
            call.settle(index, Outcome(OutcomeKind.DEFERRED, code=code, detail=detail))

    def drain(self, outcome: Outcome) -> None:
        """Settle everything that waits."""
        slots, self._slots = self._slots, deque()
        for call, index in slots:
            call.settle(index, outcome)


def _obstacle(message: OutgoingMessage, size_limit: int, smtputf8: bool) -> Outcome | None:
    sender, recipient = message.sender, message.recipient
    if not recipient or _UNSAFE.search(recipient):
        return Outcome(OutcomeKind.REJECTED, code="5.1.3", detail="The recipient is not an email address.")
    if _UNSAFE.search(sender):
        return Outcome(OutcomeKind.REJECTED, code="5.1.7", detail="The sender is not an email address.")
    if not smtputf8 and not (recipient.isascii() and sender.isascii()):
        return Outcome(
            OutcomeKind.REJECTED, code="5.6.7", detail="The mail server does not take addresses beyond ASCII."
        )
    if size_limit and len(message.content) > size_limit:
        return Outcome(
            OutcomeKind.REJECTED,
            code="5.3.4",
            detail=f"The message has {len(message.content)} bytes; the mail server takes {size_limit}.",
        )
    return None
