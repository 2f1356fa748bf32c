"""Reading EXOSEND_SMTP_URL."""

import pytest

from models.errors import SetupError
from tasks.providers.smtp_url import SmtpAddress, StartTls, parse_smtp_url


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("smtp://localhost", SmtpAddress("localhost", 25)),
        ("smtp://localhost:2525/", SmtpAddress("localhost", 2525)),
        ("smtps://mail.example.com", SmtpAddress("mail.example.com", 465, tls=True)),
        ("smtp://[::1]:2525", SmtpAddress("::1", 2525)),
        (
            "smtp://me%40example.com:a%2Fb%3Ac@mail.example.com:587?starttls=require&connections=2&timeout=1.5",
            SmtpAddress(
                "mail.example.com",
                587,
                starttls=StartTls.REQUIRE,
                username="me@example.com",
                password="a/b:c",
                connections=2,
                timeout=1.5,
            ),
        ),
    ],
)
def test_a_url_gives_the_address(url, address):
    assert parse_smtp_url(url) == address


@pytest.mark.parametrize(
    ("url", "what"),
    [
        ("", "smtp://"),
        ("http://localhost", "smtp://"),
        ("smtp://", "no host"),
        ("smtp://localhost:99999", "port"),
        ("smtp://localhost:0", "port"),
        ("smtp://localhost:mail", "port"),
        ("smtp://localhost/inbox", "nothing may stand"),
        ("smtp://localhost?connections=0", "connections"),
        ("smtp://localhost?connections=1.5", "connections"),
        ("smtp://localhost?timeout=nan", "timeout"),
        ("smtp://localhost?timeout=never", "timeout"),
        ("smtp://localhost?starttls=maybe", "starttls"),
        ("smtps://localhost?starttls=off", "starttls"),
        ("smtp://localhost?retries=3", "retries"),
        ("smtp://localhost?connections", "name=value"),
        ("smtp://me@localhost", "no password"),
        ("smtp://:hushhush@localhost", "no user"),
        ("smtp://me:hush%0Dhush@localhost", "control character"),
        ("smtp://me:hush/hush@localhost", "port"),
        ("smtp://me:hush#hush@localhost", "port"),
    ],
)
def test_a_wrong_url_is_a_setup_error_that_says_what_to_change(url, what):
    with pytest.raises(SetupError, match="EXOSEND_SMTP_URL") as caught:
        parse_smtp_url(url)
    assert what in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "smtp://me:hushhush@localhost:x",
        "smtp://me:hush/hush@localhost",
        "smtp://me:hushhush@[::1",
        "imap://me:hushhush@h",
    ],
)
def test_the_error_does_not_show_the_password(url):
    with pytest.raises(SetupError) as caught:
        parse_smtp_url(url)
    assert "hush" not in str(caught.value)
    assert caught.value.__cause__ is None
