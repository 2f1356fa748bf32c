"""A sender whose process ends at one recipient: `python -m tests.support.poisoned WHERE RECIPIENT MODULE ARGUMENTS…`.

WHERE: `composer`, while the message is made; `provider`, when it is to be handed over, those before it being out. The
module is a sender as the courier starts it, deployments.drainer or deployments.pacer.
"""

import os
import runpy
import sys
from collections.abc import Sequence

from tasks.providers.base import Outcome, OutgoingMessage
from tasks.providers.smtp import SmtpProvider
from tasks.providers.until import NEVER, Until
from tasks.sending import composing

ENDS_WITH = 86


def _in_composer(poison: str) -> None:
    make = composing.compose_or_fail

    def make_or_end(message, compose):
        if message.recipient == poison:
            os._exit(ENDS_WITH)
        return make(message, compose)

    composing.compose_or_fail = make_or_end


def _in_provider(poison: str) -> None:
    send = SmtpProvider.send

    async def send_or_end(
        self: SmtpProvider, messages: Sequence[OutgoingMessage], until: Until = NEVER
    ) -> list[Outcome]:
        before = next((no for no, message in enumerate(messages) if message.recipient == poison), None)
        if before is None:
            return await send(self, messages, until)
        await send(self, messages[:before], until)
        os._exit(ENDS_WITH)

    SmtpProvider.send = send_or_end  # type: ignore[method-assign]


if __name__ == "__main__":
    where, recipient, module, *arguments = sys.argv[1:]
    {"composer": _in_composer, "provider": _in_provider}[where](recipient)
    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name="__main__")
