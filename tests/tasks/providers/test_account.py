"""The URL of an account: what it may say, and that it is never shown."""

import pytest

from models.errors import SetupError
from tasks.providers.account import parse_account

SETTING = "EXOSEND_SMS_URL"


def test_everything_that_can_be_said():
    account = parse_account(SETTING, "acme://me:s%2Fcret@host:8443/some/path?connections=5&timeout=2.5&tls=on")
    assert (account.vendor, account.user, account.secret) == ("acme", "me", "s/cret")
    assert (account.host, account.port, account.path) == ("host", 8443, "some/path")
    assert (account.connections, account.timeout, account.tls) == (5, 2.5, True)


def test_host_and_port_have_defaults():
    server = parse_account(SETTING, "acme://me:secret@").server("api.acme.example", ())
    assert (server.host, server.port, server.tls, server.authority) == (
        "api.acme.example",
        443,
        True,
        "api.acme.example",
    )


@pytest.mark.parametrize(
    ("url", "wrong"),
    [
        ("acme://api.acme.example", "user and a secret"),
        ("acme://me@api.acme.example", "user and a secret"),
        ("acme://me:secret@host:99999", "port"),
        ("acme://me:secret@host:0", "port"),
        ("acme://me:sec/ret@host", "port"),
        ("acme://me:secret@host?tls=off", "on this machine"),
        ("acme://me:secret@host?tls=maybe", "on or off"),
        ("acme://me:secret@host?connections=0", "connections"),
        ("acme://me:secret@host?timeout=never", "timeout"),
        ("acme://me:secret@host?colour=red", "colour"),
        ("acme://me:secret@host#x", "%23"),
        ("acme://me:sec%0Aret@host", "control character"),
        ("me:secret@host", "user and a secret"),
    ],
)
def test_what_is_wrong_is_said_without_the_secret(url, wrong):
    with pytest.raises(SetupError, match=SETTING) as caught:
        parse_account(SETTING, url)
    assert wrong in str(caught.value)
    assert "me:" not in str(caught.value)
    assert "ret" not in str(caught.value).replace("secret@", "").replace("a secret", "").replace(" secret", "")


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "localhost"])
def test_without_tls_only_on_this_machine(host):
    assert not parse_account(SETTING, f"acme://me:secret@{host}:8080?tls=off").tls


def test_its_repr_shows_no_secret():
    account = parse_account(SETTING, "acme://me:hush@host")
    assert "hush" not in repr((account, account.server("h", (("Authorization", "hush"),))))
