"""Receiving over SMPP: what is answered is kept, what is not kept comes again, whatever breaks."""

import asyncio
from collections.abc import Callable, Sequence

import pytest

from deployments.smpp_sink import serving
from deployments.smpp_sink_protocol import SmppSinkState
from models.rules.reports import ReportKind
from tasks.providers.callbacks import InboundSms, ProviderEvent
from tasks.providers.smpp_receiver import Event, SmppReceiver
from tasks.providers.smpp_url import parse_smpp_url
from tests.support.http_api import texts
from tests.support.smpp import provider_for, smpp_url, smsc_state

LONG = "Paldies! ā " * 30


class Kept:
    """Where events are kept. `failures`: so many times it cannot be done."""

    def __init__(self, failures: int = 0) -> None:
        self.events: list[Event] = []
        self.failures = failures

    def __call__(self, events: Sequence[Event]) -> None:
        if self.failures:
            self.failures -= 1
            raise OSError("Postgres is away")
        self.events += events


@pytest.fixture
def receiving(tmp_path, run_in):
    """`receiving(kept, work, **options of the sink)` receives while `work(state, port)` is done and until it holds."""

    def run(kept: Kept, work: Callable, *, until: Callable[[SmppSinkState], bool], options: str = "", **values) -> None:
        async def main() -> None:
            state = smsc_state(tmp_path / "accepted.jsonl", **values)
            async with asyncio.timeout(20), serving(state) as port:
                receiver = SmppReceiver(parse_smpp_url("the test's URL", smpp_url(port, f"timeout=2{options}")), kept)
                task = asyncio.create_task(receiver.run())
                await work(state, port)
                while not until(state):
                    await asyncio.sleep(0.01)
                receiver.stop()
                await task

        run_in(main())

    return run


def test_receipts_come_whoever_sent_the_message(receiving):
    kept = Kept()

    async def work(state, port):
        state.deliveries.states = {"*3": "UNDELIV", "*": "DELIVRD"}
        provider = provider_for(port)
        messages = [*texts(20), *texts(["+37129999993"], LONG)]
        outcomes = await provider.send(messages)
        await provider.close()
        assert all(outcome.known_by_ref for outcome in outcomes)
        work.expected = {
            (outcome.provider_ref, message.recipient, "failed" if message.recipient[-1] == "3" else "delivered")
            for outcome, message in zip(outcomes, messages, strict=True)
        }

    receiving(kept, work, until=lambda state: state.deliveries.acknowledged == 21)
    told = {(each.provider_ref, each.recipient, each.kind.value) for each in kept.events}
    assert told == work.expected
    assert len({each.key for each in kept.events}) == 21


def test_what_cannot_be_kept_comes_again(receiving):
    kept = Kept(failures=2)

    async def work(state, port):
        state.deliveries.states = {"*": "EXPIRED"}
        state.deliveries.add_receipt("1F", "EXOSMS", "+37120000001")

    receiving(kept, work, until=lambda state: state.deliveries.acknowledged == 1)
    [event] = kept.events
    assert isinstance(event, ProviderEvent)
    assert (event.provider_ref, event.kind) == ("1F", ReportKind.EXPIRED)


@pytest.mark.parametrize("bind", ["transmitter", "transceiver"])
def test_what_people_write_comes_whole_also_when_the_connection_breaks(receiving, bind):
    kept = Kept()

    async def work(state, port):
        state.deliveries.add_text("+37120000009", "+37120000001", "STOP")
        while state.deliveries.acknowledged < 1:
            await asyncio.sleep(0.01)
        for connection in list(state.connections):
            connection.close()
        state.deliveries.add_text("+37120000009", "1234", LONG)

    receiving(kept, work, until=lambda state: state.deliveries.acknowledged == 6, options=f"&bind={bind}")
    assert [(each.sender, each.recipient, each.text) for each in kept.events if isinstance(each, InboundSms)] == [
        ("+37120000009", "+37120000001", "STOP"),
        ("+37120000009", "1234", LONG),
    ]


def test_parts_are_answered_before_the_text_is_whole_and_kept_at_the_end(receiving):
    """An SMSC that waits for each answer gets it after a second; what never comes does not keep the rest."""
    kept = Kept()

    async def work(state, port):
        state.deliveries.add_text("+37120000009", "+37120000001", LONG)
        state.deliveries.waiting.pop()  # the last part is lost
        state.deliveries.go_on()

    receiving(kept, work, until=lambda state: state.deliveries.acknowledged == 4)
    [event] = kept.events
    assert isinstance(event, InboundSms)
    assert event.text
    assert LONG.startswith(event.text)
    assert event.text != LONG


def test_what_cannot_be_read_is_refused_for_good_and_holds_up_nothing(receiving):
    kept = Kept()

    async def work(state, port):
        state.deliveries.add(b"\0\1\1")
        state.deliveries.add_text("+37120000009", "+37120000001", "Hi")

    receiving(kept, work, until=lambda state: state.deliveries.acknowledged == 1 and state.deliveries.refused == 1)
    assert [each.text for each in kept.events if isinstance(each, InboundSms)] == ["Hi"]
