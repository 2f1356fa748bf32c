"""A mail sink on loopback and a provider that sends to it, as one call."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar
from uuid import UUID, uuid4

import pytest
import uvloop

from deployments.sink import serving
from deployments.sink_faults import Fault, FaultScript
from deployments.sink_log import AcceptLog, read_log
from deployments.sink_protocol import SinkState
from tasks.providers.base import Outcome, OutcomeKind, OutgoingMessage
from tasks.providers.smtp import SmtpProvider

BODY = b"From: a@example.com\r\nSubject: Hi\r\nMessage-ID: <%d@example.com>\r\n\r\nHello\r\n"


@dataclass(frozen=True)
class Sent:
    """What came back, and how often the sink accepted each recipient."""

    outcomes: list[Outcome]
    accepted: Counter[str]

    @property
    def kinds(self) -> list[OutcomeKind]:
        return [outcome.kind for outcome in self.outcomes]

    @property
    def codes(self) -> list[str | None]:
        return [outcome.code for outcome in self.outcomes]


T = TypeVar("T")
MakeMessages = Callable[..., list[OutgoingMessage]]
MakeState = Callable[..., SinkState]
SendToSink = Callable[..., Sent]
RunIn = Callable[..., T]


@pytest.fixture(params=["asyncio", "uvloop"])
def loop_name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def run_in() -> RunIn:
    """`run_in(coroutine, loop_name="asyncio")`, a minute at most."""

    def run(main: Awaitable[T], loop_name: str = "asyncio") -> T:
        async def bounded() -> T:
            async with asyncio.timeout(60):
                return await main

        factory = uvloop.new_event_loop if loop_name == "uvloop" else None
        with asyncio.Runner(loop_factory=factory) as runner:
            return runner.run(bounded())

    return run


@pytest.fixture
def make_messages() -> MakeMessages:
    def make(recipients: Sequence[str] | int, content: bytes | None = None) -> list[OutgoingMessage]:
        if isinstance(recipients, int):
            recipients = [f"user{number}@example.net" for number in range(recipients)]
        return [
            OutgoingMessage(UUID(int=uuid4().int), "news@example.com", recipient, content or BODY % number)
            for number, recipient in enumerate(recipients)
        ]

    return make


@pytest.fixture
def log_file(tmp_path: Path) -> Path:
    return tmp_path / "accepted.jsonl"


@pytest.fixture
def make_state(log_file: Path) -> MakeState:
    def make(*faults: dict[str, object], **options: object) -> SinkState:
        log_file.unlink(missing_ok=True)
        script = FaultScript([Fault.model_validate(fault) for fault in faults])
        return SinkState(log=AcceptLog(log_file), script=script, **options)  # type: ignore[arg-type]

    return make


@pytest.fixture
def send_to_sink(make_state: MakeState, log_file: Path, run_in: RunIn) -> SendToSink:
    """`send_to_sink(messages, *faults, options="timeout=5", loop_name="asyncio", **sink_options)`."""

    def send(
        messages: list[OutgoingMessage],
        *faults: dict[str, object],
        options: str = "timeout=5",
        loop_name: str = "asyncio",
        **sink_options: object,
    ) -> Sent:
        async def main() -> list[Outcome]:
            async with serving(make_state(*faults, **sink_options)) as port:
                provider = SmtpProvider.from_url(f"smtp://127.0.0.1:{port}?{options}")
                try:
                    return await provider.send(messages)
                finally:
                    await provider.close()

        return Sent(run_in(main(), loop_name), read_log(log_file))

    return send
