"""Giving a window to a provider."""

import logging
from collections.abc import Sequence

from models.store.messages import PlannedMessage, Result
from tasks.providers.base import Outcome, OutcomeKind, OutgoingMessage, Provider
from tasks.sending.results import suppressed_result

log = logging.getLogger(__name__)

Ready = tuple[PlannedMessage, OutgoingMessage | Result]
"""A message and what was made of it: the one for the wire, or the result of one that cannot be made."""


async def hand_over(provider: Provider, messages: Sequence[OutgoingMessage], until: float) -> Sequence[Outcome]:
    """The outcome of each message, in order; never raises. `until` is as in `Provider.send`."""
    try:
        outcomes = await provider.send(messages, until)
        assert len(outcomes) == len(messages), f"{len(outcomes)} answers to {len(messages)} messages"
    except Exception:
        # A provider must not raise. If one does, nobody knows what it handed over.
        log.exception("Provider %s failed with a window of %s.", provider.name, len(messages))
        return [Outcome(OutcomeKind.UNCERTAIN, detail="The provider's code failed.")] * len(messages)
    return outcomes


def allowed(
    ready: Sequence[Ready], suppressed: frozenset[str], held_back: list[Result]
) -> list[tuple[PlannedMessage, OutgoingMessage]]:
    """What may be handed over; of the rest the results are added to `held_back`."""
    going: list[tuple[PlannedMessage, OutgoingMessage]] = []
    for message, made in ready:
        if message.recipient in suppressed:
            held_back.append(suppressed_result(message))
        elif isinstance(made, Result):
            held_back.append(made)
        else:
            going.append((message, made))
    return going
