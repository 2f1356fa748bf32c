"""TXT records of real DNS: what is there, that nothing is there, or that nobody could say."""

import logging

from dns.exception import DNSException
from dns.nameserver import Do53Nameserver
from dns.resolver import NXDOMAIN, NoAnswer, NoResolverConfiguration, Resolver

from models.errors import SetupError
from models.rules.resolver_address import split_resolver_address

log = logging.getLogger(__name__)

TRY_SECONDS = 3.0  # one question; a second one goes out when the first was lost
NAME_SECONDS = 10.0  # all tries for one name
_PAYLOAD = 1232  # octets of a UDP answer that no path fragments (DNS flag day 2020)


class TxtLookup:
    """Asks one resolver for TXT records."""

    def __init__(
        self, resolver: str | None, *, try_seconds: float = TRY_SECONDS, name_seconds: float = NAME_SECONDS
    ) -> None:
        """`resolver`: its address, host[:port]; None is the system's. Raises SetupError when that names none."""
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
    resolver = Resolver(configure=False)
    resolver.nameservers = [Do53Nameserver(*split_resolver_address(address))]
    return resolver
