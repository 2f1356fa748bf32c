"""TXT records of a real DNS server, over UDP and TCP."""

import socket

import pytest
from dns.resolver import NoResolverConfiguration

from models.errors import SetupError
from tasks.domains import lookup as lookups
from tasks.domains.lookup import TxtLookup
from tests.support.dns_server import SERVFAIL, SILENT, DnsServer

NAME = "acme.com"


@pytest.fixture
def lookup(dns_server: DnsServer) -> TxtLookup:
    return TxtLookup(dns_server.address, try_seconds=0.3, name_seconds=1)


def test_every_record_of_a_name_is_found(dns_server, lookup) -> None:
    dns_server.holds(NAME, "v=spf1 -all", "something; else")
    assert sorted(lookup(NAME)) == ["something; else", "v=spf1 -all"]


def test_the_strings_of_a_record_are_one_text(dns_server, lookup) -> None:
    dns_server.holds(NAME, '"v=DKIM1; p=AB" "CD" "" "EF"')
    assert lookup(NAME) == ("v=DKIM1; p=ABCDEF",)


def test_a_long_record_comes_in_strings_and_is_one_text(dns_server, lookup) -> None:
    dns_server.holds(NAME, "x" * 700)
    assert lookup(NAME) == ("x" * 700,)


def test_a_name_that_does_not_exist_has_no_records(lookup) -> None:
    assert lookup("nowhere.example.com") == ()


def test_a_name_without_text_records_has_none(dns_server, lookup) -> None:
    dns_server.holds(f"_dmarc.{NAME}", "v=DMARC1; p=none")
    assert lookup(NAME) == ()


def test_an_answer_that_udp_cuts_off_is_read_over_tcp(dns_server, lookup) -> None:
    records = sorted(f"{number}:{'x' * 200}" for number in range(10))
    dns_server.holds(NAME, *records)
    assert sorted(lookup(NAME)) == records
    assert dns_server.asked == [("udp", NAME), ("tcp", NAME)]


def test_servfail_is_no_answer(dns_server, lookup) -> None:
    dns_server.fails(NAME, SERVFAIL)
    assert lookup(NAME) is None


def test_silence_is_no_answer_after_several_tries(dns_server, lookup) -> None:
    dns_server.fails(NAME, SILENT)
    assert lookup(NAME) is None
    assert len(dns_server.asked) > 1


def test_a_resolver_that_is_not_there_gives_no_answer() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))  # bound, and nobody reads it
        lookup = TxtLookup(f"127.0.0.1:{taken.getsockname()[1]}", try_seconds=0.1, name_seconds=0.3)
        assert lookup(NAME) is None


def test_a_machine_that_names_no_resolver_is_told_so(monkeypatch) -> None:
    def nothing(*_):
        raise NoResolverConfiguration

    monkeypatch.setattr(lookups, "Resolver", nothing)
    with pytest.raises(SetupError, match="EXOSEND_DNS_RESOLVER"):
        TxtLookup(None)
