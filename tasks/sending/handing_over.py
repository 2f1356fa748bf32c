"""Giving a window to a provider."""

import logging
from collections.abc import Sequence

from models.rules.quiet_hours import QuietHours, QuietNow
from models.store.messages import PlannedMessage, Result
from tasks.providers.base import Outcome, OutcomeKind, OutgoingMessage, Provider
from tasks.providers.until import Until
from tasks.sending.journal import Clearance
from tasks.sending.results import quiet_result, suppressed_result

log = logging.getLogger(__name__)

Ready = tuple[PlannedMessage, OutgoingMessage | Result]
"""A message and what was made of it: the one for the wire, or the result of one that cannot be made."""

POISON = "poison"
_MOST_CALLS = 64  # one recipient among 500 is found in 20 calls; a provider that fails at everything is not asked 1,500
_TRIES = 3


async def hand_over(provider: Provider, messages: Sequence[OutgoingMessage], until: Until) -> Sequence[Outcome]:
    """The outcome of each message, in order; never raises. `until` is as in `Provider.send`.

    A provider must not raise. If one does, nobody knows what it handed over: all of the window is uncertain. One that
    knows messages by their ids is asked again, half by half, so that it is the one message it stumbles over, with the
    code `poison`.
    """
    outcomes = await _send(provider, messages, until)
    if outcomes is not None:
        return outcomes
    if not provider.capabilities.idempotent:
        return [_unknown()] * len(messages)
    calls = _Calls(provider, until)
    return await calls.halves(messages)


class _Calls:
    """What may still be asked about a window."""

    def __init__(self, provider: Provider, until: Until) -> None:
        self._provider = provider
        self._until = until
        self._left = _MOST_CALLS

    async def halves(self, messages: Sequence[OutgoingMessage]) -> list[Outcome]:
        """The outcomes of messages that could not be sent together."""
        if len(messages) == 1:
            return [await self._alone(messages[0])]
        middle = len(messages) // 2
        found: list[Outcome] = []
        for part in (messages[:middle], messages[middle:]):
            outcomes = await self._ask(part)
            found += await self.halves(part) if outcomes is None and self._left > 0 else outcomes or _unknowns(part)
        return found

    async def _alone(self, message: OutgoingMessage) -> Outcome:
        for _ in range(_TRIES - 1):
            if (outcomes := await self._ask([message])) is not None:
                return outcomes[0]
        return Outcome(OutcomeKind.UNCERTAIN, code=POISON, detail="The provider's code fails at this message.")

    async def _ask(self, messages: Sequence[OutgoingMessage]) -> Sequence[Outcome] | None:
        if self._left <= 0:
            return None
        self._left -= 1
        return await _send(self._provider, messages, self._until)


async def _send(provider: Provider, messages: Sequence[OutgoingMessage], until: Until) -> Sequence[Outcome] | None:
    """The outcomes; None where the provider's code failed."""
    try:
        outcomes = await provider.send(messages, until)
        assert len(outcomes) == len(messages), f"{len(outcomes)} answers to {len(messages)} messages"
    except Exception:
        log.exception("Provider %s failed with a window of %s.", provider.name, len(messages))
        return None
    return outcomes


def _unknown() -> Outcome:
    return Outcome(OutcomeKind.UNCERTAIN, detail="The provider's code failed.")


def _unknowns(messages: Sequence[OutgoingMessage]) -> list[Outcome]:
    return [_unknown()] * len(messages)


def allowed(
    ready: Sequence[Ready], clearance: Clearance, quiet_hours: QuietHours | None, held_back: list[Result]
) -> list[tuple[PlannedMessage, OutgoingMessage]]:
    """What may be handed over; of the rest the results are added to `held_back`."""
    quiet = None if quiet_hours is None else QuietNow(quiet_hours, clearance.at)
    going: list[tuple[PlannedMessage, OutgoingMessage]] = []
    for message, made in ready:
        if message.recipient in clearance.suppressed:
            held_back.append(suppressed_result(message))
        elif isinstance(made, Result):
            held_back.append(made)
        elif quiet is not None and (seconds := quiet.seconds_left(message.recipient)) is not None:
            held_back.append(quiet_result(message, seconds))
        else:
            going.append((message, made))
    return going
