"""Giving a window to a provider."""

import logging
from collections.abc import Sequence

from tasks.providers.base import Outcome, OutcomeKind, OutgoingMessage, Provider

log = logging.getLogger(__name__)


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
