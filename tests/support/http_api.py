"""A provider's HTTP API on loopback, and a provider that sends by it, as one call."""

import asyncio
import contextlib
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import uvloop

from deployments.http_sink import ACCOUNTS, APIS, serving
from deployments.http_sink_protocol import HttpSinkState
from deployments.sink_faults import Fault, FaultScript
from deployments.sink_log import AcceptLog, read_log
from models.settings import Settings
from tasks.providers.account import ProviderAccount, parse_account
from tasks.providers.base import Outcome, OutcomeKind, OutgoingMessage, Provider
from tasks.providers.registry import open_provider


@dataclass(frozen=True, slots=True)
class VendorUnderTest:
    """An API of the sink, and what it sends."""

    name: str
    channel: str


TWILIO, MAILGUN = VendorUnderTest("twilio", "sms"), VendorUnderTest("mailgun", "email")
VONAGE, INFOBIP = VendorUnderTest("vonage", "sms"), VendorUnderTest("infobip", "sms")
SES, SENDGRID = VendorUnderTest("ses", "email"), VendorUnderTest("sendgrid", "email")
POSTMARK, RESEND = VendorUnderTest("postmark", "email"), VendorUnderTest("resend", "email")
_VENDORS = (TWILIO, MAILGUN, VONAGE, INFOBIP, SES, SENDGRID, POSTMARK, RESEND)
CHANNELS = {vendor.name: vendor.channel for vendor in _VENDORS}


@dataclass(frozen=True)
class Sent:
    """What came back, and how often the API accepted each recipient."""

    outcomes: list[Outcome]
    accepted: Counter[str]

    @property
    def kinds(self) -> list[OutcomeKind]:
        return [outcome.kind for outcome in self.outcomes]

    @property
    def codes(self) -> list[str | None]:
        return [outcome.code for outcome in self.outcomes]


def address(vendor: str, port: int, options: str = "timeout=5", account: str | None = None, path: str = "") -> str:
    """For EXOSEND_EMAIL_URL and EXOSEND_SMS_URL."""
    return f"{vendor}://{account or ACCOUNTS[vendor]}@127.0.0.1:{port}{path}?tls=off&{options}"


def account_at(vendor: str, port: int, options: str = "timeout=5") -> ProviderAccount:
    """The account for an API on loopback."""
    return parse_account("the test's URL", address(vendor, port, options))


def provider_at(vendor: str, url: str) -> Provider:
    """The provider for a URL."""
    channel = CHANNELS[vendor]
    return open_provider(Settings(**{f"{channel}_url": url}), channel)  # type: ignore[arg-type]


def sink_state(vendor: str, log: Path, *faults: dict[str, object], delay_seconds: float = 0.0) -> HttpSinkState:
    """What `serving` needs; the log begins anew."""
    log.unlink(missing_ok=True)
    user, _, secret = ACCOUNTS[vendor].partition(":")
    script = FaultScript([Fault.model_validate(fault) for fault in faults])
    return HttpSinkState(APIS[vendor]((user, secret)), AcceptLog(log), script, delay_seconds)


@dataclass(frozen=True)
class RunningApi:
    """An API of the sink that serves in a thread of its own: its account's URL, and the API itself."""

    vendor: str
    url: str
    api: Any


@contextlib.contextmanager
def running_api(vendor: str, log: Path, account: str | None = None, path: str = "") -> Iterator[RunningApi]:
    """For what waits for the vendor without a loop."""
    state, started, stopped = sink_state(vendor, log), threading.Event(), threading.Event()
    ports: list[int] = []

    async def serve() -> None:
        async with serving(state) as port:
            ports.append(port)
            started.set()
            await asyncio.to_thread(stopped.wait)

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    try:
        assert started.wait(10)
        yield RunningApi(vendor, address(vendor, ports[0], account=account, path=path), state.api)
    finally:
        stopped.set()
        thread.join()


def texts(recipients: Sequence[str] | int, text: str = "Hello") -> list[OutgoingMessage]:
    """SMS."""
    if isinstance(recipients, int):
        recipients = [f"+3712{number:07}" for number in range(recipients)]
    return [OutgoingMessage(uuid4(), "EXOSMS", recipient, text.encode()) for recipient in recipients]


def send_by(
    vendor: str,
    messages: list[OutgoingMessage],
    log: Path,
    *faults: dict[str, object],
    options: str = "timeout=5",
    account: str | None = None,
    path: str = "",
    loop_name: str = "asyncio",
) -> Sent:
    """Send them to a sink that misbehaves so."""

    async def main() -> list[Outcome]:
        async with asyncio.timeout(60), serving(sink_state(vendor, log, *faults)) as port:
            provider = provider_at(vendor, address(vendor, port, options, account, path))
            try:
                return await provider.send(messages)
            finally:
                await provider.close()

    factory = uvloop.new_event_loop if loop_name == "uvloop" else None
    with asyncio.Runner(loop_factory=factory) as runner:
        outcomes = runner.run(main())
    return Sent(outcomes, read_log(log))
