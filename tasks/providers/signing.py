"""A provider that signs email by DKIM before another one hands it over: for mail servers that do not sign themselves.

A signature takes 0.25 ms of a core, most of it outside the interpreter. So it is made in threads, a few messages at a
time, while others of the same call are on their way.
"""

import asyncio
import logging
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from models.errors import ExoSendError
from tasks.providers.base import Outcome, OutcomeKind, OutgoingMessage, Provider
from tasks.providers.until import NEVER, Until

log = logging.getLogger(__name__)

_TOGETHER = 20
_UNSENT = Outcome(OutcomeKind.UNSENT, detail="Sending was stopped before the message was handed over.")
_CODE = "dkim"


class SigningProvider:
    """The Provider of base.py by another one. A message whose domain has no key goes out unsigned; one whose key cannot
    be opened is DEFERRED with the code "dkim": unsigned, it would be taken for forged."""

    def __init__(self, inner: Provider) -> None:
        self._inner = inner
        self.name = inner.name
        self.capabilities = inner.capabilities
        self._threads = ThreadPoolExecutor(os.cpu_count() or 1, thread_name_prefix="dkim")

    def __repr__(self) -> str:
        return f"SigningProvider({self._inner!r})"

    async def send(self, messages: Sequence[OutgoingMessage], until: Until = NEVER) -> list[Outcome]:
        """See Provider.send."""
        parts = [
            asyncio.create_task(self._part(messages[start : start + _TOGETHER], until))
            for start in range(0, len(messages), _TOGETHER)
        ]
        if parts:
            try:
                await asyncio.wait(parts)
            except asyncio.CancelledError:
                for part in parts:
                    part.cancel()
                await asyncio.wait(parts)
        return [outcome for part in parts for outcome in part.result()]

    async def _part(self, messages: Sequence[OutgoingMessage], until: Until) -> list[Outcome]:
        try:
            made = await asyncio.get_running_loop().run_in_executor(self._threads, _signed, messages)
        except asyncio.CancelledError:
            return [_UNSENT] * len(messages)
        sent = iter(await self._inner.send([each for each in made if isinstance(each, OutgoingMessage)], until))
        return [each if isinstance(each, Outcome) else next(sent) for each in made]

    def abort(self) -> None:
        """See Provider.abort."""
        self._inner.abort()

    async def close(self) -> None:
        """See Provider.close."""
        await self._inner.close()
        self._threads.shutdown(wait=False)


def _signed(messages: Sequence[OutgoingMessage]) -> list[OutgoingMessage | Outcome]:
    return [_signed_or_not(message) for message in messages]


def _signed_or_not(message: OutgoingMessage) -> OutgoingMessage | Outcome:
    if message.signer is None:
        return message
    try:
        return message._replace(content=message.signer.sign(message.content))
    except (ExoSendError, ValueError) as error:
        log.warning("Mail from %s cannot be signed: %s", message.sender, error)
        return Outcome(OutcomeKind.DEFERRED, code=_CODE, detail="The message could not be signed.")
