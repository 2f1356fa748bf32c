"""TXT records of real DNS: what is there, that nothing is there, or that nobody could say."""

import ipaddress
import logging
import re

from dns.exception import DNSException
from dns.nameserver import Do53Nameserver
from dns.resolver import NXDOMAIN, NoAnswer, NoResolverConfiguration, Resolver

from models.errors import SetupError

log = logging.getLogger(__name__)

TRY_SECONDS = 3.0  # one question; a second one goes out when the first was lost
NAME_SECONDS = 10.0  # all tries for one name
_PAYLOAD = 1232  # octets of a UDP answer that no path fragments (DNS flag day 2020)
_ADDRESS = re.compile(r"(?:\[(?P<v6>[^\]]+)\]|(?P<host>[^:]+))(?::(?P<port>[0-9]{1,5}))?")


class TxtLookup:
    """Asks one resolver for TXT records."""

    def __init__(
        self, resolver: str | None, *, try_seconds: float = TRY_SECONDS, name_seconds: float = NAME_SECONDS
    ) -> None:
        """`resolver`: its address, host[:port]; None is the system's. Raises SetupError when there is none."""
        self._resolver = _system_resolver() if resolver is None else _resolver_at(resolver)
        self._resolver.timeout, self._resolver.lifetime = try_seconds, name_seconds
        self._resolver.use_edns(0, 0, _PAYLOAD)

    def __call__(self, name: str) -> tuple[str, ...] | None:
        """The TXT records at `name`, each with its strings joined; () when there are none, or no such name.

        None when nobody could say: a time-out, SERVFAIL, an answer that cannot be read. An answer that was cut off
        (TC) is asked for again over TCP.
        """
        try:
            answer = self._resolver.resolve(f"{name}.", "TXT", search=False)
        except (NXDOMAIN, NoAnswer):
            return ()
        except (DNSException, OSError) as error:
            log.warning("DNS gave no answer for %s: %s", name, type(error).__name__)
            return None
        return tuple(b"".join(record.strings).decode("utf-8", "replace") for record in answer)


def _system_resolver() -> Resolver:
    try:
        return Resolver()
    except NoResolverConfiguration:
        raise SetupError(
            "This machine names no DNS resolver: set EXOSEND_DNS_RESOLVER to the address of one."
        ) from None


def _resolver_at(address: str) -> Resolver:
    match = _ADDRESS.fullmatch(address.strip())
    host, port = (match["v6"] or match["host"], int(match["port"] or 53)) if match else ("", 0)
    try:
        ipaddress.ip_address(host)
    except ValueError:
        port = 0
    if not 0 < port < 65536:
        raise SetupError(
            f"EXOSEND_DNS_RESOLVER must be an IP address with or without a port (192.0.2.1:53, [2001:db8::1]:53), "
            f"not {address!r}."
        )
    resolver = Resolver(configure=False)
    resolver.nameservers = [Do53Nameserver(host, port)]
    return resolver
