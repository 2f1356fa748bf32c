"""Which IP addresses are of the public internet, for requests whose address somebody else chose.

The tables are IANA's registries of special-purpose addresses, https://www.iana.org/assignments/iana-ipv4-special-registry
and https://www.iana.org/assignments/iana-ipv6-special-registry (RFC 6890, RFC 8190), with multicast (RFC 5771,
RFC 4291). `ipaddress.is_global` of Python 3.11 says yes to 64:ff9b::7f00:1, 2002:7f00:1:: and 192.0.0.8, each a way
to an address that is not public, so it is not asked.

What a registry calls globally reachable and no host of a client has (anycast of AS112, AMT, PCP, TURN) is left out too.
"""

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

Address = IPv4Address | IPv6Address

_SPECIAL_V4 = [
    IPv4Network(text)
    for text in (
        "0.0.0.0/8",  # this network; 0.0.0.0 reaches this machine
        "10.0.0.0/8",  # private
        "100.64.0.0/10",  # shared by carriers (CGNAT)
        "127.0.0.0/8",  # loopback
        "169.254.0.0/16",  # link-local; 169.254.169.254 tells a cloud machine's credentials
        "172.16.0.0/12",  # private
        "192.0.0.0/24",  # IETF protocol assignments
        "192.0.2.0/24",  # documentation
        "192.31.196.0/24",  # AS112
        "192.52.193.0/24",  # AMT
        "192.88.99.0/24",  # 6to4 relays, deprecated
        "192.168.0.0/16",  # private
        "192.175.48.0/24",  # AS112
        "198.18.0.0/15",  # benchmarks
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, and 255.255.255.255
    )
]

# All that is assigned for hosts is in here. Outside of it are ::, ::1, IPv4-mapped ::ffff:0:0/96, NAT64 64:ff9b::/96
# and 64:ff9b:1::/48, discard-only 100::/64, SRv6 5f00::/16, unique local fc00::/7, link-local fe80::/10, site-local
# fec0::/10 and multicast ff00::/8.
_GLOBAL_UNICAST = IPv6Network("2000::/3")
_SPECIAL_V6 = [
    IPv6Network(text)
    for text in (
        "2001::/23",  # IETF protocol assignments: Teredo 2001::/32, benchmarks, ORCHID
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4, which holds an IPv4 address
        "2620:4f:8000::/48",  # AS112
        "3fff::/20",  # documentation
    )
]


def is_public(address: Address | str) -> bool:
    """Whether a host of the public internet may have the address. ValueError for a text that is none."""
    found = ip_address(address)
    if isinstance(found, IPv4Address):
        return not any(found in network for network in _SPECIAL_V4)
    if found.scope_id is not None or found not in _GLOBAL_UNICAST:
        return False
    return not any(found in network for network in _SPECIAL_V6)


def is_loopback(address: Address | str) -> bool:
    """Whether it is this machine's own address, written as such: what is mapped into IPv6 is not."""
    return ip_address(address).is_loopback
