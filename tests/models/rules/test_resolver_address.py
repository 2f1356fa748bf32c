"""The address of a resolver, and that a wrong one is named when the settings are read."""

import pytest
from pydantic import ValidationError

from models.rules.resolver_address import split_resolver_address
from models.settings import Settings


@pytest.mark.parametrize(
    ("address", "split"),
    [
        ("192.0.2.1", ("192.0.2.1", 53)),
        ("192.0.2.1:5353", ("192.0.2.1", 5353)),
        ("[2001:db8::1]", ("2001:db8::1", 53)),
        ("[2001:db8::1]:53", ("2001:db8::1", 53)),
    ],
)
def test_a_resolver_is_an_address_with_or_without_a_port(address: str, split: tuple[str, int]) -> None:
    assert split_resolver_address(address) == split
    assert Settings(dns_resolver=address).dns_resolver == address


@pytest.mark.parametrize("address", ["", "dns.example.com", "192.0.2.1:0", "192.0.2.1:99999", "2001:db8::1", "x:y:z"])
def test_a_resolver_that_is_no_address_is_named(address: str) -> None:
    with pytest.raises(ValidationError, match="dns_resolver"):
        Settings(dns_resolver=address)
