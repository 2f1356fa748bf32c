"""Addresses: email-validator decides, and the regular expression never says yes where it says no."""

import re

import pytest
from email_validator import SPECIAL_USE_DOMAIN_NAMES, validate_email
from hypothesis import example, given
from hypothesis import strategies as st

from models.rules.address import PLAIN_ADDRESS, is_valid_address, normalise_address

PLAIN = re.compile(PLAIN_ADDRESS)


@given(st.from_regex(PLAIN, fullmatch=True))
@example("a@b.co")
@example("x" * 20 + ".y@" + ("z" * 41 + ".") * 4 + "a" * 20)
def test_what_the_expression_accepts_email_validator_accepts_unchanged(address: str) -> None:
    assert validate_email(address, check_deliverability=False).normalized == address == normalise_address(address)


@pytest.mark.parametrize("name", SPECIAL_USE_DOMAIN_NAMES)
def test_special_use_domains_are_neither_plain_nor_valid(name: str) -> None:
    address = f"someone@host.{name}"
    assert PLAIN.fullmatch(address) is None
    assert not is_valid_address(address)


@pytest.mark.parametrize(
    "address",
    [
        "anna@example.com",
        "anna.maria-o_k+news@mail-1.example.co.uk",
        "a@team.tech",
        "a@shop.info",
        "o'brien@example.com",
        "žydrūnas@example.com",
        "a@exämple.de",
        "a@xn--exmple-cua.de",
    ],
)
def test_real_addresses_are_valid(address: str) -> None:
    assert is_valid_address(address)


@pytest.mark.parametrize(
    "address",
    [
        "",
        "a",
        "a@",
        "@example.com",
        "a@example",
        "a..b@example.com",
        ".a@example.com",
        "a@example..com",
        "a@-example.com",
        "two@@example.com",
        "<a@example.com>",
        "Anna <a@example.com>",
        "spaces in@example.com",
        "a@[127.0.0.1]",
        '"quoted"@example.com',
        "a@example.test",
        "a@localhost",
        "a@example.com\n",
        "a\r\nbcc: b@example.com",
        "a\x00b@example.com",
        "\ud800@example.com",
        "x" * 250 + "@example.com",
    ],
)
def test_everything_else_is_not(address: str) -> None:
    assert not is_valid_address(address)
    assert PLAIN.fullmatch(address) is None


@given(st.text(max_size=40))
def test_any_text_gets_an_answer(text: str) -> None:
    assert is_valid_address(text) in (True, False)


@given(st.emails())
def test_normalising_twice_changes_nothing_more(address: str) -> None:
    once = normalise_address(f" {address}\t")
    assert normalise_address(once) == once


def test_dots_and_plus_tags_are_part_of_the_address() -> None:
    assert normalise_address(" Anna.K+News@Example.COM ") == "anna.k+news@example.com"


@pytest.mark.parametrize(
    ("address", "form"),
    [
        (" User@XN--BCHER-KVA.de ", "user@bücher.de"),
        ("user@BÜCHER.de", "user@bücher.de"),
        ("jose\u0301@example.org", "josé@example.org"),
        ("x@\uff45xample.org", "x@example.org"),
        ("No Address É", "no address é"),
    ],
)
def test_an_address_that_can_be_written_in_several_ways_has_one_form(address: str, form: str) -> None:
    assert normalise_address(address) == form
    assert normalise_address(form) == form
