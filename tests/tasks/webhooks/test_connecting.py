"""Attacks by which a client would have us call what only we reach; each gets through where its guard is taken out."""

import asyncio
import contextlib
import ipaddress
import ssl
from pathlib import Path

import pytest

from deployments.sink_tls import server_context
from models.rules.public_addresses import is_public
from models.rules.webhook_url import WebhookAddress
from tasks.webhooks.connecting import Connector, NameResolver, Unreachable, _open
from tasks.webhooks.posting import PostAnswer, Poster
from tests.support.http_server import OK, listening, read_request
from tests.support.receivers import Receiver, answer

NAME = "hooks.example.com"


def _own(address: object) -> bool:
    """In these tests 127.0.0.2 is the public internet, and all other addresses are not to be reached."""
    return str(address) == "127.0.0.2"


def _anything(_address: object) -> bool:
    return True


def _post(connector: Connector, host: str, port: int) -> PostAnswer | None:
    """One post without TLS; None: no connection was made."""

    async def main() -> PostAnswer | None:
        poster = Poster(connector)
        try:
            return await poster.post(WebhookAddress(False, host, port, "/"), (), b"{}")
        except Unreachable:
            return None
        finally:
            await poster.close()

    return asyncio.run(main())


@pytest.mark.parametrize("host", ["127.0.0.1", "::ffff:127.0.0.1", "0.0.0.0", "127.9.9.9"])
def test_an_address_that_is_not_public_is_not_called(receiver, host) -> None:
    connector = Connector(NameResolver("127.0.0.1:9"))
    assert _post(connector, host, receiver.port) is None
    assert receiver.connections == 0
    unguarded = _post(Connector(NameResolver("127.0.0.1:9"), _anything), host, receiver.port)
    assert (unguarded is not None) == (host != "127.9.9.9")  # where nobody listens


def test_nor_a_name_that_leads_to_one(receiver, dns_server) -> None:
    dns_server.leads_to(NAME, ["127.0.0.1"])
    assert _post(Connector(NameResolver(dns_server.address)), NAME, receiver.port) is None
    assert receiver.connections == 0
    assert _post(Connector(NameResolver(dns_server.address), _anything), NAME, receiver.port) is not None


@pytest.mark.parametrize(
    "addresses", [["127.0.0.2", "127.0.0.1"], ["127.0.0.2", "::1"], ["127.0.0.2", "::ffff:127.0.0.1"]]
)
def test_nor_one_that_leads_to_both_a_public_one_and_another(receiver, dns_server, addresses) -> None:
    """The public one does not answer, so that the next is tried."""
    dns_server.leads_to(NAME, addresses)
    assert _post(Connector(NameResolver(dns_server.address), _own), NAME, receiver.port) is None
    assert receiver.connections == 0

    class AnyOne(Connector):
        async def _checked(self, host: str) -> list:
            found = await self._resolve(host)
            return found if any(map(self._allowed, found)) else []

    reached = _post(AnyOne(NameResolver(dns_server.address), _own), NAME, receiver.port)
    assert (reached is not None) == ("::1" not in addresses)  # nobody listens there


def test_a_name_that_leads_elsewhere_a_moment_later_is_called_where_it_was_looked_at(receiver, dns_server) -> None:
    dns_server.leads_to(NAME, ["127.0.0.2"], ["127.0.0.1"])
    with Receiver("127.0.0.2", port=receiver.port).running() as public:
        assert _post(Connector(NameResolver(dns_server.address), _own), NAME, receiver.port) is not None
        assert (public.connections, receiver.connections) == (1, 0)
        assert public.got[0].headers["host"] == f"{NAME}:{receiver.port}"
        assert [name for _, name in dns_server.asked] == [NAME, NAME]  # A and AAAA, once

        class Twice(Connector):
            async def connect(self, host: str, port: int):
                await self._checked(host)
                return await _open((await self._resolve(host))[0], port)

        dns_server.leads_to(NAME, ["127.0.0.2"], ["127.0.0.2"], ["127.0.0.1"])
        _post(Twice(NameResolver(dns_server.address), _own), NAME, receiver.port)
    assert receiver.connections == 1


def test_the_next_call_looks_again(receiver, dns_server) -> None:
    dns_server.leads_to(NAME, ["127.0.0.2"], ["127.0.0.1"])
    with Receiver("127.0.0.2", port=receiver.port).running() as public:
        connector = Connector(NameResolver(dns_server.address), _own)
        assert _post(connector, NAME, receiver.port) is not None
        assert _post(connector, NAME, receiver.port) is None
    assert (public.connections, receiver.connections) == (1, 0)


def test_a_redirect_is_not_followed(receiver, dns_server) -> None:
    dns_server.leads_to(NAME, ["127.0.0.2"])
    with Receiver("127.0.0.2").running() as public:
        public.script.append(answer(302, Location=receiver.url))
        found = _post(Connector(NameResolver(dns_server.address), _own), NAME, public.port)
    assert found is not None
    assert (found.status, receiver.connections) == (302, 0)
    # What a client does that follows: the next address is asked for by the answer, and nobody has looked at it.
    followed = _post(Connector(NameResolver(dns_server.address), _anything), receiver.address, receiver.port)
    assert followed is not None


@pytest.mark.parametrize("host", ["localhost", "2130706433", "0x7f.1", "127.1", "017700000001"])
def test_no_other_way_to_write_this_machine_is_understood(receiver, dns_server, host) -> None:
    """Neither /etc/hosts nor the C library's idea of numbers is asked, only DNS, which knows no such name."""
    assert _post(Connector(NameResolver(dns_server.address), _anything), host, receiver.port) is None
    assert receiver.connections == 0


def test_one_kind_of_address_is_enough(receiver, dns_server) -> None:
    dns_server.leads_to("v4.example.com", ["127.0.0.1"])
    assert _post(Connector(NameResolver(dns_server.address), _anything), "v4.example.com", receiver.port) is not None
    dns_server.leads_to("nothing.example.com", [])
    assert _post(Connector(NameResolver(dns_server.address), _anything), "nothing.example.com", receiver.port) is None


def test_tls_is_asked_for_the_name_and_certified_for_it(dns_server, tmp_path: Path) -> None:
    asked: list[str | None] = []
    server = server_context(tmp_path)
    server.sni_callback = lambda _socket, name, _context: asked.append(name)
    trusting = ssl.create_default_context(cafile=str(tmp_path / "sink.crt"))
    for name in ("localhost", NAME):
        dns_server.leads_to(name, ["127.0.0.1"])

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(OK)
        await writer.drain()

    async def post(host: str, context: ssl.SSLContext | None) -> int | None:
        async with listening(handle, server) as port:
            poster = Poster(Connector(NameResolver(dns_server.address), _anything), tls_context=context)
            with contextlib.suppress(Unreachable):
                return (await poster.post(WebhookAddress(True, host, port, "/"), (), b"{}")).status
            await poster.close()
        return None

    said = [asyncio.run(post(*each)) for each in (("localhost", trusting), (NAME, trusting), ("localhost", None))]
    assert said == [200, None, None]
    assert asked == ["localhost", NAME, "localhost"]


def test_the_public_internet_is_what_is_allowed_where_nothing_is_said() -> None:
    assert Connector(NameResolver("127.0.0.1:9"))._allowed is is_public
    assert not is_public(ipaddress.ip_address("127.0.0.1"))
