"""Signing before the hand-over: what is signed, what is not, and a call that is broken off."""

import asyncio
import threading
from collections.abc import Sequence

from models.errors import SetupError
from models.rules.ids import new_id
from tasks.providers.base import Capabilities, Outcome, OutcomeKind, OutgoingMessage
from tasks.providers.registry import open_provider
from tasks.providers.signing import SigningProvider
from tasks.providers.smtp import SmtpProvider
from tasks.providers.until import NEVER, Until


class Inner:
    """Takes everything, and keeps it."""

    name = "smtp"
    capabilities = Capabilities(messages_per_call=500, idempotent=False, answer_timeout_seconds=1)

    def __init__(self) -> None:
        self.taken: list[bytes] = []

    async def send(self, messages: Sequence[OutgoingMessage], until: Until = NEVER) -> list[Outcome]:
        await asyncio.sleep(0)
        self.taken += [message.content for message in messages]
        return [Outcome(OutcomeKind.ACCEPTED, provider_ref=message.recipient) for message in messages]

    def abort(self) -> None: ...

    async def close(self) -> None: ...


class Stamp:
    def sign(self, message: bytes) -> bytes:
        return b"signed " + message


class Keyless:
    def sign(self, message: bytes) -> bytes:
        raise SetupError("The secret key is not the one.")


class Slow:
    def __init__(self) -> None:
        self.begun, self.go_on = threading.Event(), threading.Event()

    def sign(self, message: bytes) -> bytes:
        self.begun.set()
        self.go_on.wait(10)
        return message


def messages(signers: Sequence[object]) -> list[OutgoingMessage]:
    return [
        OutgoingMessage(new_id(), "a@example.com", f"u{no}@example.net", f"{no}".encode(), signer=signer)  # type: ignore[arg-type]
        for no, signer in enumerate(signers)
    ]


def test_each_message_is_signed_by_its_own_signer_and_answered_in_order() -> None:
    inner = Inner()
    signers = [None if no % 3 == 0 else Keyless() if no % 3 == 1 else Stamp() for no in range(50)]
    outcomes = asyncio.run(SigningProvider(inner).send(messages(signers)))
    assert sorted(inner.taken) == sorted(
        f"{'signed ' if no % 3 == 2 else ''}{no}".encode() for no in range(50) if no % 3 != 1
    )
    for no, outcome in enumerate(outcomes):
        if no % 3 == 1:
            assert (outcome.kind, outcome.code) == (OutcomeKind.DEFERRED, "dkim")
            assert "secret" not in (outcome.detail or "")
        else:
            assert outcome.provider_ref == f"u{no}@example.net"


def test_a_cancelled_call_says_that_nothing_was_handed_over() -> None:
    async def broken_off() -> list[Outcome]:
        slow, inner = Slow(), Inner()
        call = asyncio.create_task(SigningProvider(inner).send(messages([slow])))
        await asyncio.to_thread(slow.begun.wait, 10)
        call.cancel()
        try:
            outcomes = await call
        finally:
            slow.go_on.set()
        assert inner.taken == []
        return outcomes

    assert [outcome.kind for outcome in asyncio.run(broken_off())] == [OutcomeKind.UNSENT]


def test_the_address_of_the_mail_server_says_whether_we_sign(settings) -> None:
    for options, kind in (("", SmtpProvider), ("?dkim=off", SmtpProvider), ("?dkim=on", SigningProvider)):
        url = f"smtp://mail.example{options}"
        assert isinstance(open_provider(settings.with_values(smtp_url=url), "email"), kind)
