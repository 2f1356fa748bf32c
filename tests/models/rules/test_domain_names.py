"""Names of email domains."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.rules.domain_names import domain_of, is_public_suffix, normalise_domain, with_stored_domain


@pytest.mark.parametrize(
    ("written", "stored"),
    [
        ("exosend.com", "exosend.com"),
        ("  News.ExoSend.COM. ", "news.exosend.com"),
        ("müller.de", "xn--mller-kva.de"),
        ("MÜLLER.DE", "xn--mller-kva.de"),
        ("xn--mller-kva.de", "xn--mller-kva.de"),
        ("straße.de", "xn--strae-oqa.de"),
        ("例え。jp", "xn--r8jz45g.jp"),
    ],
)
def test_a_domain_is_stored_in_lower_case_and_ascii(written: str, stored: str) -> None:
    assert normalise_domain(written) == stored


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "com",
        "localhost",
        "acme.test",
        "acme.local",
        "a b.com",
        "a_b.com",
        "-a.com",
        "a..com",
        "192.0.2.1",
        "[192.0.2.1]",
        "user@acme.com",
        "https://acme.com",
        f"{'a' * 64}.com",
        "a." * 125 + "com",
        "\ud800.com",
        "xn--\u00fc.com",
    ],
)
def test_what_mail_cannot_come_from_is_no_domain(name: str) -> None:
    assert normalise_domain(name) is None


@given(st.text(max_size=40))
def test_what_is_stored_is_stored_the_same_again(name: str) -> None:
    stored = normalise_domain(name)
    assert stored is None or normalise_domain(stored) == stored


@pytest.mark.parametrize(
    ("domain", "public"),
    [
        ("co.uk", True),
        ("github.io", True),
        ("xn--55qx5d.cn", True),
        ("anything.ck", True),
        ("www.ck", False),
        ("acme.co.uk", False),
        ("acme.github.io", False),
        ("exosend.com", False),
    ],
)
def test_nobody_owns_a_public_suffix(domain: str, public: bool) -> None:
    assert is_public_suffix(domain) is public


@pytest.mark.parametrize(
    ("written", "with_domain", "domain"),
    [
        ("Info@Acme.com", "Info@Acme.com", "acme.com"),
        ("info@MÜLLER.de", "info@xn--mller-kva.de", "xn--mller-kva.de"),
        ("info@xn--mller-kva.de", "info@xn--mller-kva.de", "xn--mller-kva.de"),
        ("jörg@acme.com", "jörg@acme.com", "acme.com"),
        ("jörg@..ü", "jörg@..ü", "..ü"),
    ],
)
def test_an_address_has_its_domain_as_domains_are_stored(written: str, with_domain: str, domain: str) -> None:
    assert (with_stored_domain(written), domain_of(written)) == (with_domain, domain)
