"""What a domain's DNS must hold, and which records are as good."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.rules.dns_records import (
    Findings,
    ProviderRecord,
    dkim_holds,
    dmarc_holds,
    needed_records,
    spf_holds,
    with_providers,
)

KEY = "MIIBIjANBgkq+/="
INCLUDE = "spf.exosend.com"
_NAMES = st.from_regex(r"[a-z][a-z0-9]{0,10}(\.[a-z]{2,6}){1,3}", fullmatch=True)


def test_the_records_are_what_an_owner_pastes() -> None:
    needed = needed_records("acme.com", spf_include=INCLUDE, selector="exosend", public_key=KEY)
    assert [(each.type, each.name, each.value) for each in needed.listed()] == [
        ("TXT", "acme.com", "v=spf1 include:spf.exosend.com ~all"),
        ("TXT", "exosend._domainkey.acme.com", f"v=DKIM1; k=rsa; p={KEY}"),
        ("TXT", "_dmarc.acme.com", "v=DMARC1; p=none;"),
    ]


def test_what_providers_want_beside_it_is_pasted_with_it() -> None:
    needed = needed_records("news.acme.com", spf_include=INCLUDE, selector="exosend", public_key=KEY, zone="acme.com")
    spf = ProviderRecord("TXT", "News.acme.com.", "v=spf1 include:mailgun.org include:SPF.exosend.com -all")
    key = ProviderRecord("CNAME", "s1._domainkey.news.acme.com", "s1.example.net.")
    mx = ProviderRecord("MX", "send.news.acme.com", "feedback.example.net", 10)
    another = ProviderRecord("TXT", "send.news.acme.com", "v=spf1 include:example.net ~all")
    dmarc = ProviderRecord("TXT", "_dmarc.news.acme.com", "v=DMARC1; p=reject;")
    ours, dkim, policy, *more = with_providers(
        needed, {"mailgun": [spf, key], "resend": [key, mx, another, dmarc]}, "acme.com"
    )
    assert ours.value == "v=spf1 include:spf.exosend.com include:mailgun.org ~all"  # one SPF record for a name
    assert spf_holds([ours.value], INCLUDE)
    assert (dkim, policy) == (needed.dkim, needed.dmarc)
    assert [(each.provider, each.host, each.zone_line) for each in more] == [
        ("mailgun", "s1._domainkey.news", "s1._domainkey.news.acme.com. 3600 IN CNAME s1.example.net."),
        ("resend", "send.news", "send.news.acme.com. 3600 IN MX 10 feedback.example.net."),
        ("resend", "send.news", 'send.news.acme.com. 3600 IN TXT "v=spf1 include:example.net ~all"'),
    ]


@given(domain=_NAMES, include=_NAMES, key=st.from_regex(r"[A-Za-z0-9+/]{8,400}={0,2}", fullmatch=True))
def test_the_records_that_are_asked_for_hold(domain: str, include: str, key: str) -> None:
    needed = needed_records(domain, spf_include=include, selector="s", public_key=key)
    assert spf_holds([needed.spf.value], include)
    assert dkim_holds([needed.dkim.value], key)
    assert dmarc_holds([needed.dmarc.value])
    assert not dkim_holds([needed.dkim.value], key + "A")


@given(texts=st.lists(st.text(alphabet="v=spf1 dkimDMARC;p:-~?al+include.", max_size=30), max_size=3))
def test_whatever_dns_holds_is_judged_without_an_error(texts: list[str]) -> None:
    assert {spf_holds(texts, INCLUDE), dkim_holds(texts, KEY), dmarc_holds(texts)} <= {True, False}


@pytest.mark.parametrize(
    ("texts", "holds"),
    [
        (["v=spf1 include:spf.exosend.com ~all"], True),
        (["google-site-verification=x", "V=SPF1 ip4:192.0.2.1 +Include:SPF.exosend.com. -all"], True),
        (["v=spf1 include:_spf.google.com include:spf.exosend.com -all"], True),
        ([], False),
        (["v=spf1"], False),
        (["v=spf1 include:mailgun.org ~all"], False),
        (["v=spf1 include:spf.exosend.com.evil.com ~all"], False),
        (["v=spf1 include:notspf.exosend.com ~all"], False),
        (["v=spf1 -include:spf.exosend.com ~all"], False),
        (["v=spf1 ?include:spf.exosend.com ~all"], False),
        (["v=spf1 -all include:spf.exosend.com"], False),
        (["v=spf10 include:spf.exosend.com ~all"], False),
        (["spf2.0/pra include:spf.exosend.com ~all"], False),
        (["v=spf1 include:spf.exosend.com ~all", "v=spf1 -all"], False),
        (["v=spf1 include:spf.exosend.com ~all"] * 2, False),
    ],
)
def test_spf_holds_with_one_record_that_includes_us(texts: list[str], holds: bool) -> None:
    assert spf_holds(texts, INCLUDE) is holds


@pytest.mark.parametrize(
    ("texts", "holds"),
    [
        ([f"v=DKIM1; k=rsa; p={KEY}"], True),
        ([f"p={KEY}"], True),
        ([f" v=DKIM1 ; k=rsa ; t=s; h=sha1:sha256; s=email ; p={KEY[:5]} {KEY[5:]} ; "], True),
        ([f"v=DKIM1; s=*; p={KEY}"], True),
        ([], False),
        (["v=DKIM1; k=rsa; p="], False),
        (["v=DKIM1; k=rsa"], False),
        ([f"v=DKIM1; k=rsa; p={KEY.lower()}"], False),
        ([f"v=DKIM2; k=rsa; p={KEY}"], False),
        ([f"v=DKIM1; k=ed25519; p={KEY}"], False),
        ([f"v=DKIM1; h=sha1; p={KEY}"], False),
        ([f"v=DKIM1; s=other; p={KEY}"], False),
        ([f"v=DKIM1; p={KEY}; p={KEY}"], False),
        (["no record at all"], False),
        ([f"p={KEY}", f"p={KEY}"], False),
    ],
)
def test_dkim_holds_with_one_record_that_has_our_key(texts: list[str], holds: bool) -> None:
    assert dkim_holds(texts, KEY) is holds


@pytest.mark.parametrize(
    ("texts", "holds"),
    [
        (["v=DMARC1; p=none;"], True),
        (["v=DMARC1;p=reject;rua=mailto:a@acme.com,mailto:b@acme.com"], True),
        (["something else", "v=DMARC1; p=Quarantine"], True),
        ([], False),
        (["v=DMARC1"], False),
        (["v=DMARC1; p=maybe"], False),
        (["p=none; v=DMARC1"], False),
        (["v=DMARC1; p=none", "v=DMARC1; p=none"], False),
    ],
)
def test_dmarc_holds_with_one_record_that_has_a_policy(texts: list[str], holds: bool) -> None:
    assert dmarc_holds(texts) is holds


@pytest.mark.parametrize("findings", [(spf, dkim, dmarc) for spf in (0, 1) for dkim in (0, 1) for dmarc in (0, 1)])
def test_a_domain_holds_when_all_three_do(findings: tuple[int, int, int]) -> None:
    assert Findings(*map(bool, findings)).hold is all(findings)
