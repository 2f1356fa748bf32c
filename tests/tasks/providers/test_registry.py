"""Which provider sends what."""

import pytest

from models.errors import SetupError
from models.settings import Settings
from tasks.providers.registry import open_provider, takes_keys


def test_email_goes_to_the_mail_server_that_is_set():
    provider = open_provider(Settings(smtp_url="smtp://localhost:2525"), "email")
    assert provider.name == "smtp"


@pytest.mark.parametrize("channel", ["email", "sms"])
def test_without_a_provider_everything_goes_to_the_sandbox(channel):
    provider = open_provider(Settings(smtp_url=None), channel)
    assert provider.name == "sandbox"


def test_a_url_that_cannot_be_used_is_said_at_once():
    with pytest.raises(SetupError, match="EXOSEND_SMTP_URL"):
        open_provider(Settings(smtp_url="http://localhost"), "email")


def test_an_unknown_channel_is_an_error():
    with pytest.raises(SetupError, match="fax"):
        open_provider(Settings(), "fax")


@pytest.mark.parametrize(
    ("channel", "values", "name"),
    [
        ("sms", {"sms_url": f"twilio://AC{32 * '0'}:secret@api.twilio.com"}, "twilio"),
        ("email", {"email_url": "mailgun://api:key@api.mailgun.net"}, "mailgun"),
        ("email", {"email_url": ""}, "sandbox"),
        ("sms", {"sms_url": ""}, "sandbox"),
    ],
)
def test_a_vendor_is_chosen_by_its_url(channel, values, name):
    assert open_provider(Settings(**values), channel).name == name


@pytest.mark.parametrize("url", ["acme://a:b@c", "mailgun://a:b@c", "../twilio://a:b@c", "twilio", "__init__://a:b@c"])
def test_a_name_that_is_no_vendor_of_the_channel_names_those_that_are(url):
    with pytest.raises(SetupError, match=r"EXOSEND_SMS_URL.*twilio://") as caught:
        open_provider(Settings(sms_url=url), "sms")
    assert "a:b" not in str(caught.value)


def test_email_goes_by_one_provider():
    both = Settings(smtp_url="smtp://localhost", email_url="mailgun://api:key@api.mailgun.net")
    with pytest.raises(SetupError, match="both"):
        open_provider(both, "email")


@pytest.mark.parametrize(
    ("values", "channel", "takes"),
    [
        ({}, "sms", True),
        ({"smtp_url": "smtp://localhost"}, "email", False),
        ({"sms_url": "twilio://api.twilio.com"}, "sms", False),
        ({"email_url": "mailgun://api.mailgun.net"}, "email", False),
    ],
)
def test_whether_it_takes_keys_is_known_without_credentials(values, channel, takes):
    assert takes_keys(Settings(**values), channel) is takes
