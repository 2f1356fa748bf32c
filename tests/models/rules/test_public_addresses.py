"""Which addresses are of the public internet."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.rules.public_addresses import is_public

_PRIVATE_V4 = [
    "0.0.0.0", "0.1.2.3", "10.0.0.1", "100.64.0.1", "100.127.255.255", "127.0.0.1", "127.255.255.254",
    "169.254.169.254", "172.16.0.1", "172.31.255.255", "192.0.0.8", "192.0.0.170", "192.0.2.1", "192.31.196.1",
    "192.52.193.1", "192.88.99.1", "192.168.1.1", "192.175.48.1", "198.18.0.1", "198.19.255.255", "198.51.100.1",
    "203.0.113.1", "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255",
]  # fmt: skip
_PRIVATE_V6 = [
    "::", "::1", "::7f00:1", "::ffff:127.0.0.1", "::ffff:8.8.8.8", "::ffff:0:127.0.0.1", "64:ff9b::7f00:1",
    "64:ff9b::808:808", "64:ff9b:1::1", "100::1", "100:0:0:1::1", "2001::1", "2001:0:4136:e378:8000:63bf:3fff:fdd2",
    "2001:2::1", "2001:10::1", "2001:20::1", "2001:1ff::1", "2001:db8::1", "2002:7f00:1::", "2002:808:808::1",
    "2620:4f:8000::1", "3fff::1", "3ffe::1%eth0", "4000::1", "5f00::1", "fc00::1", "fd00:ec2::254", "fe80::1",
    "fe80::1%lo", "fec0::1", "ff02::1",
]  # fmt: skip
_PUBLIC = [
    "1.1.1.1", "8.8.8.8", "9.255.255.255", "11.0.0.1", "100.63.255.255", "100.128.0.1", "126.255.255.255", "128.0.0.1",
    "169.253.1.1", "172.15.0.1", "172.32.0.1", "192.0.1.1", "192.167.0.1", "198.17.0.1", "198.20.0.1", "223.255.255.1",
    "2001:200::1", "2001:4860:4860::8888", "2003::1", "2606:4700::1111", "2a00:1450:4001::1", "2c0f:fb50::1",
]  # fmt: skip


@pytest.mark.parametrize("address", [*_PRIVATE_V4, *_PRIVATE_V6])
def test_nobody_is_sent_to_what_is_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", _PUBLIC)
def test_the_rest_of_the_internet_is_reached(address: str) -> None:
    assert is_public(address)


@given(st.ip_addresses())
def test_what_python_calls_private_is_never_public(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> None:
    assert is_public(address) <= address.is_global
    assert not (is_public(address) and (address.is_multicast or address.is_reserved or address.is_link_local))


@given(st.ip_addresses(v=4), st.sampled_from(["::ffff:{}", "::{}", "64:ff9b::{}", "::ffff:0:{}"]))
def test_an_address_of_ipv4_within_one_of_ipv6_never_is(address: ipaddress.IPv4Address, form: str) -> None:
    assert not is_public(form.format(address))


@given(st.ip_addresses(v=4), st.integers(0, 2**80 - 1))
def test_nor_one_that_is_tunnelled(address: ipaddress.IPv4Address, rest: int) -> None:
    assert not is_public(ipaddress.IPv6Address(0x2002 << 112 | int(address) << 80 | rest))
    assert not is_public(ipaddress.IPv6Address(0x20010000 << 96 | int(address) << 64 | rest >> 16))
