"""The connections to an SMSC: opened, kept, encrypted, ended by either side."""

import asyncio
import socket
import ssl

import pytest

from deployments.sink_tls import server_context
from deployments.smpp_sink import serving
from tasks.providers.base import OutcomeKind
from tasks.providers.smpp import SmppProvider
from tasks.providers.smpp_url import parse_smpp_url
from tests.support.http_api import texts
from tests.support.smpp import provider_for, smpp_url, smsc_state

ACCEPTED, UNSENT = OutcomeKind.ACCEPTED, OutcomeKind.UNSENT


@pytest.fixture
def log(tmp_path):
    return tmp_path / "accepted.jsonl"


def test_a_connection_that_was_closed_while_idle_puts_nothing_in_doubt(log, run_in):
    async def main():
        state = smsc_state(log)
        async with serving(state) as port:
            provider = provider_for(port)
            first = await provider.send(texts(1))
            for connection in list(state.connections):
                connection.close()
            await asyncio.sleep(0)  # it is closed, and the provider has not read its end
            second = await provider.send(texts(["+37120000005"]))
            await provider.close()
        return [*first, *second]

    assert [outcome.kind for outcome in run_in(main())] == [ACCEPTED, ACCEPTED]


@pytest.mark.parametrize("connections", [1, 3])
def test_that_the_smsc_is_away_is_said_at_once_however_many_connections_failed_together(run_in, connections):
    async def main():
        with socket.socket() as nobody:  # bound, and not listening
            nobody.bind(("127.0.0.1", 0))
            provider = provider_for(nobody.getsockname()[1], f"connections={connections}")
            async with asyncio.timeout(5):
                outcomes = await provider.send(texts(5))
            await provider.close()
        return outcomes

    assert {(outcome.kind, outcome.code) for outcome in run_in(main())} == {(UNSENT, "connection")}


def test_both_sides_ask_whether_the_other_is_there_and_an_unbind_is_obeyed(log, run_in):
    async def main():
        state = smsc_state(log)
        async with serving(state) as port:
            provider = provider_for(port, "enquire_link=0.1&timeout=0.4")
            await provider.send(texts(1))
            [connection] = state.connections
            connection.enquire()
            async with asyncio.timeout(5):
                while not connection.enquired:
                    await asyncio.sleep(0.01)
                connection.unbind()
                while state.connections:
                    await asyncio.sleep(0.01)
            outcomes = await provider.send(texts(1))
            await provider.close()
        return outcomes

    assert [outcome.kind for outcome in run_in(main())] == [ACCEPTED]


@pytest.mark.parametrize("is_trusted", [True, False])
def test_an_smsc_whose_certificate_proves_nothing_gets_no_password(log, run_in, tmp_path, is_trusted):
    async def main():
        async with serving(smsc_state(log), tls=server_context(tmp_path)) as port:
            trust = ssl.create_default_context(cafile=tmp_path / "sink.crt") if is_trusted else None
            address = parse_smpp_url("the test's URL", smpp_url(port).replace("smpp://", "smpps://"))
            provider = SmppProvider(address, tls_context=trust)
            [outcome] = await provider.send(texts(1))
            await provider.close()
        return outcome.kind, outcome.code

    assert run_in(main()) == ((ACCEPTED, "0") if is_trusted else (UNSENT, "tls"))
