"""What is wrong with a domain's records, in words, and the records in the forms that are pasted."""

import pytest
from dns.rdata import from_text
from dns.rdataclass import IN
from dns.rdatatype import TXT
from hypothesis import given
from hypothesis import strategies as st

from models.rules.dns_problems import dkim_problem, dmarc_problem, spf_problem
from models.rules.dns_records import DnsRecord, dkim_holds, dmarc_holds, needed_records, spf_holds
from models.rules.domain_names import zone_of

KEY, OTHER = "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8A+/=", "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8Axyz"
INCLUDE = "spf.exosend.com"


@pytest.mark.parametrize(
    ("texts", "said"),
    [
        ([], "There is no SPF record."),
        (["google-site-verification=x"], "There is no SPF record."),
        (
            ["v=spf1 -all", "v=spf1 include:spf.exosend.com ~all"],
            "There are 2 SPF records, and with more than one none counts",
        ),
        (
            ["v=spf1 include:_spf.google.com -all"],
            "Make it: v=spf1 include:spf.exosend.com include:_spf.google.com -all",
        ),
    ],
)
def test_of_spf(texts: list[str], said: str) -> None:
    assert said in (spf_problem(texts, INCLUDE) or "")


@given(st.lists(st.sampled_from(["-all", "mx", "include:a.example", "ip4:192.0.2.1", "~all"]), max_size=5))
def test_the_spf_record_that_is_proposed_holds(terms: list[str]) -> None:
    problem = spf_problem([" ".join(["v=spf1", *terms])], INCLUDE)
    assert problem is not None
    assert spf_holds([problem.partition("Make it: ")[2]], INCLUDE)


@pytest.mark.parametrize(
    ("texts", "said"),
    [
        ([], "There is no DKIM record."),
        ([f"v=DKIM1; p={KEY}"] * 2, "There are 2 records"),
        (["hello"], "no list of tags"),
        (["v=DKIM1; k=rsa; p="], "revokes"),
        ([f"v=DKIM1; k=rsa; p={KEY[:20]}"], f"cut off after 20 of {len(KEY)}"),
        ([f"v=DKIM1; k=rsa; p={OTHER}"], "from character 33 on it is xyz…, ours +/=…"),
        ([f"v=DKIM1; k=rsa; s=tlsrpt; p={KEY}"], "does not allow it"),
    ],
)
def test_of_dkim(texts: list[str], said: str) -> None:
    assert said in (dkim_problem(texts, KEY) or "")


@pytest.mark.parametrize(
    ("texts", "said"),
    [
        ([], "There is no DMARC record."),
        (["v=DMARC1; p=none", "v=DMARC1; p=reject"], "There are 2 DMARC records"),
        (["v=DMARC1; rua=mailto:a@example.com"], "no policy"),
    ],
)
def test_of_dmarc(texts: list[str], said: str) -> None:
    assert said in (dmarc_problem(texts) or "")


@given(texts=st.lists(st.text(alphabet="v=spf1 dkimDMARC;p:-~?al+include.", max_size=30), max_size=3))
def test_there_is_a_problem_where_a_record_does_not_hold_and_nowhere_else(texts: list[str]) -> None:
    assert (spf_problem(texts, INCLUDE) is None) is spf_holds(texts, INCLUDE)
    assert (dkim_problem(texts, KEY) is None) is dkim_holds(texts, KEY)
    assert (dmarc_problem(texts) is None) is dmarc_holds(texts)


@given(st.text(alphabet=st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=700))
def test_a_line_of_a_zone_file_says_the_same(value: str) -> None:
    line = DnsRecord("TXT", "x.example.com", value).zone_line
    name, ttl, class_, type_, data = line.split(" ", 4)
    assert (name, ttl, class_, type_) == ("x.example.com.", "3600", "IN", "TXT")
    strings = from_text(IN, TXT, data).strings  # type: ignore[attr-defined]
    assert b"".join(strings).decode() == value
    assert max(map(len, strings)) <= 255


@pytest.mark.parametrize(
    ("domain", "hosts"),
    [
        ("acme.com", ["@", "exosend._domainkey", "_dmarc"]),
        ("news.acme.co.uk", ["news", "exosend._domainkey.news", "_dmarc.news"]),
    ],
)
def test_hosts_are_relative_to_the_registered_domain(domain: str, hosts: list[str]) -> None:
    needed = needed_records(domain, spf_include=INCLUDE, selector="exosend", public_key=KEY, zone=zone_of(domain))
    assert [each.host for each in needed.listed()] == hosts
