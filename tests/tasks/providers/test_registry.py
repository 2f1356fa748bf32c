"""Which provider sends what."""

import pytest

from models.errors import SetupError
from models.settings import Settings
from tasks.providers.registry import open_provider


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
