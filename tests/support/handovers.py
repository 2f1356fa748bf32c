"""What the sandbox is given, in the order of time."""

import time
from collections.abc import Sequence
from uuid import UUID

import pytest

from models.rules.ids import run_message_prefix
from tasks.providers.base import Outcome, OutgoingMessage
from tasks.providers.sandbox import SandboxProvider
from tasks.providers.until import NEVER, Until


class HandOvers:
    """Sees every message that is handed over to the sandbox in this process, from now on."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.order: list[UUID] = []
        self.last_at = 0.0  # time.monotonic
        send = SandboxProvider.send

        async def seen(
            provider: SandboxProvider, messages: Sequence[OutgoingMessage], until: Until = NEVER
        ) -> list[Outcome]:
            self.order += [message.id for message in messages]
            self.last_at = time.monotonic()
            return await send(provider, messages, until)

        monkeypatch.setattr(SandboxProvider, "send", seen)

    def __len__(self) -> int:
        return len(self.order)

    @property
    def ids(self) -> set[UUID]:
        """Those that were handed over."""
        return set(self.order)

    def places(self, run_id: UUID) -> list[int]:
        """How many were handed over before each message of a run."""
        prefix = run_message_prefix(run_id)
        return [place for place, id_ in enumerate(self.order) if str(id_).startswith(prefix)]
