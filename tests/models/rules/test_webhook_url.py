"""Addresses of webhook endpoints."""

import pytest

from models.rules.webhook_url import parse_webhook_url


@pytest.mark.parametrize(
    ("url", "parts", "authority"),
    [
        ("https://Hooks.Example.com", (True, "hooks.example.com", 443, "/"), "hooks.example.com"),
        ("https://a.example.com:443/a%20b?c=d", (True, "a.example.com", 443, "/a%20b?c=d"), "a.example.com"),
        ("https://hooks.example.com.:8443/", (True, "hooks.example.com", 8443, "/"), "hooks.example.com:8443"),
        ("https://büro.example/", (True, "xn--bro-hoa.example", 443, "/"), "xn--bro-hoa.example"),
        ("https://[2606:4700::1111]/", (True, "2606:4700::1111", 443, "/"), "[2606:4700::1111]"),
        ("https://1.1.1.1:1024/", (True, "1.1.1.1", 1024, "/"), "1.1.1.1:1024"),
        ("https://my_host.example/", (True, "my_host.example", 443, "/"), "my_host.example"),
    ],
)  # fmt: skip
def test_it_has_parts(url, parts, authority) -> None:
    found = parse_webhook_url(url)
    assert (found.tls, found.host, found.port, found.target) == parts
    assert found.authority == authority


@pytest.mark.parametrize(
    "url",
    [
        "", "hooks.example.com", "//hooks.example.com/", "https:///x", "https://", "http://hooks.example.com/",
        "http://localhost/", "http://127.0.0.1:8080/", "file:///etc/passwd", "gopher://hooks.example.com/",
        "https://user@hooks.example.com/", "https://:pass@hooks.example.com/", "https://hooks.example.com/#x",
        "https://hooks.example.com:22/", "https://hooks.example.com:80/", "https://hooks.example.com:0/",
        "https://hooks.example.com:65536/", "https://hooks.example.com:x/", "https://exa mple.com/",
        "https://a\\@b.example/", "https://hooks.example.com/a b", "https://hooks.example.com/ü",
        "https://[::1", "https://[v1.x]/", "https://[fe80::1%25eth0]/x y", "https://-a.example/", "https://a..b/",
        "https://" + "a" * 254 + ".example/", "https://hooks.example.com/" + "x" * 2000, "https://hooks.example.com\r/",
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_refused(url) -> None:
    with pytest.raises(ValueError, match=r"^must "):
        parse_webhook_url(url)


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:8080/", "http://[::1]:9/", "http://localhost/", "https://localhost:22/"]
)
def test_this_machine_is_reached_only_where_a_setting_says_so(url) -> None:
    assert parse_webhook_url(url, loopback=True).host in {"127.0.0.1", "::1", "localhost"}
    with pytest.raises(ValueError, match=r"^must "):
        parse_webhook_url(url)


@pytest.mark.parametrize(
    "url", ["http://10.0.0.1/", "http://[::ffff:127.0.0.1]/", "http://hooks.example.com/", "http://0.0.0.0/"]
)
def test_and_no_other_machine_by_http(url) -> None:
    with pytest.raises(ValueError, match="https"):
        parse_webhook_url(url, loopback=True)
