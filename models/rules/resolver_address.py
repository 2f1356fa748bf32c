"""The address of a DNS resolver as people write it."""

import ipaddress
import re

_ADDRESS = re.compile(r"(?:\[(?P<v6>[^\]]+)\]|(?P<host>[^:]+))(?::(?P<port>[0-9]{1,5}))?")
_DNS_PORT = 53


def split_resolver_address(address: str) -> tuple[str, int]:
    """IP address and port of `192.0.2.1`, `192.0.2.1:5353`, `[2001:db8::1]`, `[2001:db8::1]:53`.

    Raises ValueError for anything else: a name would have to be looked up first.
    """
    match = _ADDRESS.fullmatch(address.strip())
    if match is not None:
        host, port = match["v6"] or match["host"], int(match["port"] or _DNS_PORT)
        if 0 < port < 65536 and _is_ip(host):
            return host, port
    raise ValueError(f"must be an IP address with or without a port (192.0.2.1:53, [2001:db8::1]:53), not {address!r}")


def _is_ip(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
