"""The provider that sends nothing: what becomes of a message is written in its recipient."""

import asyncio
import re
from collections.abc import Mapping, Sequence
from uuid import UUID

from tasks.providers.base import Capabilities, Outcome, OutcomeKind, OutgoingMessage, Sought
from tasks.providers.sandbox_reports import DELIVERED, reports_of
from tasks.providers.until import NEVER, Until

_LONGEST_WAIT = 60.0
_MAGIC = re.compile(
    r"(accept|reject|defer|throttle|uncertain|timeout|unsent|slow|lostanswer|lookedup|notfound"
    r"|bounce|softbounce|open|click|proxyopen|complain|unsubscribe|silent)(?:\+([0-9.]{1,12}))?",
    re.ASCII,
)
# What is accepted at once; what comes of it is in the reports.
_REPORTED = {
    "accept", "bounce", "softbounce", "open", "click", "proxyopen", "complain", "unsubscribe", "silent", "undelivered",
    "expired", "stop",
}  # fmt: skip
# Numbers that no subscriber has: 555-0100 to 555-0199 of the North American plan, kept free for fiction.
_MAGIC_NUMBER = re.compile(r"\+1[0-9]{3}55501([0-9]{2})", re.ASCII)
_NUMBERS = {
    "50": ("reject", ""),
    "51": ("defer", ""),
    "52": ("throttle", ""),
    "53": ("uncertain", ""),
    "54": ("timeout", ""),
    "55": ("unsent", ""),
    "56": ("slow", ""),
    "57": ("undelivered", ""),
    "58": ("expired", ""),
    "59": ("silent", ""),
    "60": ("stop", ""),
    "61": ("lookedup", ""),
    "62": ("notfound", ""),
}

_LOOKED_UP = {
    "lookedup": Outcome(OutcomeKind.ACCEPTED, code="250"),
    "notfound": Outcome(OutcomeKind.UNSENT, code="notfound", detail="The sandbox was asked to have lost it."),
}


class SandboxProvider:
    """Takes messages and sends none of them. Every outcome can be had by choosing the recipient:

    | local part       | number        | outcome                                                                    |
    |------------------|---------------|----------------------------------------------------------------------------|
    | `accept`         | any other     | accepted                                                                   |
    | any other        | any other     | accepted                                                                   |
    | `reject`         | +1…555 0150   | rejected, code 550                                                         |
    | `reject+5.1.1`   |               | rejected, with that code                                                   |
    | `defer`          | +1…555 0151   | deferred (code 451) at the first try, accepted at the second               |
    | `defer+3`        |               | deferred at the first three tries                                          |
    | `throttle`       | +1…555 0152   | deferred (code 429) at the first try, to be tried again after 5 seconds    |
    | `throttle+30`    |               | the same, after 30 seconds                                                 |
    | `uncertain`      | +1…555 0153   | uncertain at the first try, though taken: accepted at the second           |
    | `timeout`        | +1…555 0154   | the same, but only after a second                                          |
    | `timeout+8`      |               | the same, after 8 seconds (at most 60)                                     |
    | `lookedup`       | +1…555 0161   | uncertain at the first try; when it is looked up, it is there              |
    | `notfound`       | +1…555 0162   | uncertain at the first try; when it is looked up, it never came            |
    | `unsent`         | +1…555 0155   | unsent, every time: given up after a day                                   |
    | `slow`           | +1…555 0156   | accepted after a second                                                    |
    | `slow+250`       |               | accepted after 250 milliseconds (at most 60 seconds)                       |

    Of what it accepted it reports what comes of it, half a second to one and a half later:

    | local part       | number        | reports                                                                    |
    |------------------|---------------|----------------------------------------------------------------------------|
    | any other        | any other     | delivered                                                                  |
    | `bounce`         |               | bounced, hard                                                              |
    | `softbounce`     |               | bounced, soft                                                              |
    | `open`           |               | delivered, opened                                                          |
    | `click`          |               | delivered, opened, clicked: the first link, or https://example.com/        |
    | `proxyopen`      |               | delivered, opened by a privacy proxy, which does not count                 |
    | `complain`       |               | delivered, complained                                                      |
    | `unsubscribe`    |               | delivered, opened, unsubscribed                                            |
    | `lostanswer`     |               | delivered, of a message whose acceptance is uncertain at the first try     |
    | `silent`         | +1…555 0159   | nothing                                                                    |
    |                  | +1…555 0157   | undelivered                                                                |
    |                  | +1…555 0158   | expired                                                                    |
    |                  | +1…555 0160   | delivered, then STOP: the number unsubscribes                              |

    A number after a plus makes further such recipients (`open+2`). Opens and clicks come with the user agent of a real
    mail client, which the recipient decides.

    The domain does not matter. Which try it is, the message says (`attempt`). It is idempotent: the same id accepted
    again has the same reference. References begin with `sandbox-`, by which what it took can be told from what was
    sent.
    """

    def __init__(self) -> None:
        self.name = "sandbox"
        self.capabilities = Capabilities(messages_per_call=500, idempotent=True, answer_timeout_seconds=_LONGEST_WAIT)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop = asyncio.Event()
        self._stopped = False

    async def send(self, messages: Sequence[OutgoingMessage], until: Until = NEVER) -> list[Outcome]:
        """See Provider.send; the whole call takes as long as its slowest recipient, and begins with all at once."""
        del until
        self._loop = asyncio.get_running_loop()
        if self._stopped:
            return [_unsent() for _ in messages]
        answers = [self._answer(message) for message in messages]
        longest = max((wait for _, wait in answers), default=0.0)
        interrupted = False
        if longest:
            try:
                async with asyncio.timeout(longest):
                    await self._stop.wait()
                interrupted = True
            except TimeoutError:
                pass
            except asyncio.CancelledError:
                interrupted = True
        return [
            Outcome(OutcomeKind.UNCERTAIN, code="aborted", detail="Handed over, then sending was stopped.")
            if interrupted and wait
            else outcome
            for outcome, wait in answers
        ]

    async def look_up(self, messages: Sequence[Sought]) -> Mapping[UUID, Outcome]:
        """See LooksUp."""
        known = {message.id: _LOOKED_UP.get(_magic(message.recipient)[0]) for message in messages}
        return {id_: outcome for id_, outcome in known.items() if outcome is not None}

    def abort(self) -> None:
        """See Provider.abort. Final: whatever is given to `send` afterwards comes back UNSENT."""
        self._stopped = True
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._stop.set)

    async def close(self) -> None:
        """End open calls."""
        self._stopped = True
        self._stop.set()

    def _answer(self, message: OutgoingMessage) -> tuple[Outcome, float]:
        """The outcome of this try, and after how many seconds it comes."""
        action, argument = _magic(message.recipient)
        outcome = Outcome(
            OutcomeKind.ACCEPTED,
            provider_ref=f"sandbox-{message.id}",
            code="250",
            reports=reports_of(message, action),
        )
        wait = 0.0
        if action == "slow":
            wait = _number(argument, 1000) / 1000
        elif action == "reject":
            outcome = Outcome(OutcomeKind.REJECTED, code=argument or "550", detail="The sandbox was asked to reject.")
        elif action == "unsent":
            outcome = _unsent()
        elif action not in _REPORTED and message.attempt <= (_number(argument, 1) if action == "defer" else 1):
            outcome = _refused_for_now(action, argument)
            wait = _number(argument, 1) if action == "timeout" else 0.0
        return outcome, min(wait, _LONGEST_WAIT)


def _magic(recipient: str) -> tuple[str, str]:
    """What the recipient asks for, as (action, argument)."""
    if "@" in recipient:
        found = _MAGIC.fullmatch(recipient.rpartition("@")[0].lower())
        return (found[1], found[2] or "") if found else ("accept", "")
    number = _MAGIC_NUMBER.fullmatch(recipient)
    return _NUMBERS.get(number[1], ("accept", "")) if number else ("accept", "")


def _number(text: str, otherwise: float) -> float:
    try:
        return float(text)
    except ValueError:
        return otherwise


def _refused_for_now(action: str, argument: str) -> Outcome:
    """The outcome of the first tries of a message that is accepted later."""
    if action == "defer":
        return Outcome(OutcomeKind.DEFERRED, code="451", detail="The sandbox was asked to defer.")
    if action == "throttle":
        wait, detail = _number(argument, 5), "The sandbox was asked to slow down."
        return Outcome(OutcomeKind.DEFERRED, code="429", detail=detail, retry_after_seconds=wait)
    reports = (DELIVERED,) if action == "lostanswer" else ()
    return Outcome(
        OutcomeKind.UNCERTAIN, code="timeout", detail="The sandbox was asked not to answer.", reports=reports
    )


def _unsent() -> Outcome:
    return Outcome(OutcomeKind.UNSENT, code="aborted", detail="Not sent.")
