"""Names of email domains: how they are stored, and which nobody can own.

Stored is the ASCII form (IDNA 2008, RFC 5891, after the mapping of UTS 46), in lower case and without a dot at the
end, as it stands in DNS and in addresses on the wire.
"""

from functools import cache

import idna
from publicsuffixlist import PublicSuffixList

from models.rules.address import is_valid_address

_LONGEST = 253  # octets of a name as text (RFC 1035, section 2.3.4)
# Room for what is put in front of a domain: `exosend._domainkey.`
_PREFIX = 20


def normalise_domain(name: str) -> str | None:
    """The domain as it is stored; None when it is none that mail can come from.

    None are addresses of machines, single labels, and the special-use names (`.test`, `.local`, `localhost` …).
    """
    try:
        domain = idna.encode(name.strip().rstrip("."), uts46=True, std3_rules=True).decode().lower()
    except UnicodeError:  # idna's own errors are UnicodeErrors
        return None
    if len(domain) > _LONGEST - _PREFIX or not is_valid_address(f"postmaster@{domain}"):
        return None
    return domain


def with_stored_domain(address: str) -> str:
    """The address with its domain in ASCII, as domains are stored; as it was written where it is ASCII already."""
    if address.isascii():
        return address
    local, _, domain = address.rpartition("@")
    return f"{local}@{normalise_domain(domain) or domain}"


def domain_of(address: str) -> str:
    """The domain of an address, as domains are stored."""
    return with_stored_domain(address).rpartition("@")[2].lower()


def is_public_suffix(domain: str) -> bool:
    """Whether everybody may register names below it (`co.uk`, `github.io`): mail from there is nobody's.

    By the Public Suffix List (publicsuffix.org) of the installed version, its private section too. `domain` as
    normalise_domain returns it.
    """
    return bool(_suffixes().is_public(domain))


def zone_of(domain: str) -> str:
    """The registered domain that it is or lies below, whose zone its owner most likely edits (`acme.co.uk`)."""
    return str(_suffixes().privatesuffix(domain) or domain)


@cache
def _suffixes() -> PublicSuffixList:
    return PublicSuffixList()
