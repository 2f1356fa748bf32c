"""An SMSC on loopback, and a provider that sends by it, as one call."""

import asyncio
from pathlib import Path

import uvloop

from deployments.sink_faults import Fault, FaultScript
from deployments.sink_log import AcceptLog, read_log
from deployments.smpp_sink import ACCOUNT, serving
from deployments.smpp_sink_protocol import SmppSinkState
from tasks.providers.base import Outcome, OutgoingMessage
from tasks.providers.smpp import SmppProvider
from tests.support.http_api import Sent


def smpp_url(port: int, options: str = "timeout=5", account: str = ACCOUNT) -> str:
    """For EXOSEND_SMS_URL."""
    return f"smpp://{account}@127.0.0.1:{port}?{options}"


def provider_for(port: int, options: str = "timeout=5", account: str = ACCOUNT) -> SmppProvider:
    """The provider for an SMSC on loopback."""
    return SmppProvider.from_url("the test's URL", smpp_url(port, options, account))


def smsc_state(log: Path, *faults: dict[str, object], **values: object) -> SmppSinkState:
    """What `serving` needs; the log begins anew."""
    log.unlink(missing_ok=True)
    user, _, password = ACCOUNT.partition(":")
    script = FaultScript([Fault.model_validate(fault) for fault in faults])
    return SmppSinkState(AcceptLog(log), script, (user, password), **values)  # type: ignore[arg-type]


def send_over_smpp(
    messages: list[OutgoingMessage],
    log: Path,
    *faults: dict[str, object],
    options: str = "timeout=5",
    account: str = ACCOUNT,
    loop_name: str = "asyncio",
    **values: object,
) -> Sent:
    """Send them to an SMSC that misbehaves so; `values` are fields of SmppSinkState."""

    async def main() -> list[Outcome]:
        async with asyncio.timeout(60), serving(smsc_state(log, *faults, **values)) as port:
            provider = provider_for(port, options, account)
            try:
                return await provider.send(messages)
            finally:
                await provider.close()

    factory = uvloop.new_event_loop if loop_name == "uvloop" else None
    with asyncio.Runner(loop_factory=factory) as runner:
        outcomes = runner.run(main())
    return Sent(outcomes, read_log(log))
