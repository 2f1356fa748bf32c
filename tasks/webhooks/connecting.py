"""Connections to addresses that somebody else chose: only to the public internet, and to the very address looked at.

A name is resolved once, every address it has is checked, and the socket is connected to one of those: what the name
leads to a moment later (DNS rebinding) does not matter. The name is what TLS is asked for and certified against.
"""

import asyncio
import contextlib
import ipaddress
import socket
from collections.abc import Awaitable, Callable

from dns.asyncresolver import Resolver
from dns.exception import DNSException
from dns.nameserver import Do53Nameserver
from dns.resolver import NoResolverConfiguration

from models.errors import ExoSendError, SetupError
from models.rules.public_addresses import Address, is_loopback, is_public
from models.rules.resolver_address import split_resolver_address

#: For all that keeps a connection from being made, so that nobody learns from it which port of which machine is open.
UNREACHABLE = "The endpoint cannot be reached."
_TRY_SECONDS = 1.5  # one question; a second one goes out when the first was lost
_NAME_SECONDS = 3.0  # all questions for a name: the rest of the time is for the connection
_MOST_ADDRESSES = 8  # that are tried

Allowed = Callable[[Address], bool]
Resolve = Callable[[str], Awaitable[list[Address]]]


class Unreachable(ExoSendError):
    """No connection was made: no such name, an address that is not public, refused, too slow."""

    def __init__(self) -> None:
        super().__init__(UNREACHABLE)


def public_or_loopback(address: Address) -> bool:
    """For development: this machine is allowed as well."""
    return is_public(address) or is_loopback(address)


class Connector:
    """Opens sockets. `allowed`: which addresses they may be connected to; all of a name's have to be."""

    def __init__(self, resolve: Resolve, allowed: Allowed = is_public) -> None:
        self._resolve = resolve
        self._allowed = allowed

    async def connect(self, host: str, port: int) -> socket.socket:
        """A socket that is connected. Raises Unreachable, whatever the reason; the caller bounds the time."""
        for address in (await self._checked(host))[:_MOST_ADDRESSES]:
            with contextlib.suppress(OSError):
                return await _open(address, port)
        raise Unreachable

    async def _checked(self, host: str) -> list[Address]:
        try:
            addresses: list[Address] = [ipaddress.ip_address(host)]
        except ValueError:
            addresses = await self._resolve(host)
        if not addresses or not all(self._allowed(address) for address in addresses):
            raise Unreachable
        return addresses


async def _open(address: Address, port: int) -> socket.socket:
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    opened = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    try:
        await asyncio.get_running_loop().sock_connect(opened, (str(address), port))
    except BaseException:
        opened.close()
        raise
    return opened


class NameResolver:
    """Asks a DNS resolver for the addresses of a name; `/etc/hosts` is not asked.

    `resolver`: its address, host[:port]; None is the system's. Raises SetupError when that names none.
    """

    def __init__(self, resolver: str | None) -> None:
        try:
            self._resolver = Resolver(configure=resolver is None)
        except NoResolverConfiguration:
            raise SetupError(
                "This machine names no DNS resolver: set EXOSEND_DNS_RESOLVER to the address of one."
            ) from None
        if resolver is not None:
            self._resolver.nameservers = [Do53Nameserver(*split_resolver_address(resolver))]
        self._resolver.timeout, self._resolver.lifetime = _TRY_SECONDS, _NAME_SECONDS

    async def __call__(self, host: str) -> list[Address]:
        """Its addresses, those of IPv4 first. Raises Unreachable when there are none, or nobody could say."""
        found = await asyncio.gather(self._ask(host, "A"), self._ask(host, "AAAA"))
        addresses = [address for each in found for address in each]
        if not addresses:
            raise Unreachable
        return addresses

    async def _ask(self, host: str, kind: str) -> list[Address]:
        """None where nobody could say either: some servers do not answer for AAAA, and the others do."""
        try:
            answer = await self._resolver.resolve(f"{host}.", kind, search=False)
        except (DNSException, OSError):
            return []
        return [ipaddress.ip_address(record.address) for record in answer]


async def loopback_name(host: str) -> list[Address]:
    """Where `localhost` is, for development, which no DNS says. Raises Unreachable for any other name."""
    if host != "localhost":
        raise Unreachable
    return [ipaddress.ip_address("127.0.0.1")]
