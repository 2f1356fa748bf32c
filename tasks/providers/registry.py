"""Which provider sends what."""

from models.errors import SetupError
from models.settings import Settings
from tasks.providers.base import Provider
from tasks.providers.sandbox import SandboxProvider
from tasks.providers.smtp import SmtpProvider


def open_provider(settings: Settings, channel: str) -> Provider:
    """The provider for `channel` ("email" or "sms"): SMTP for email where EXOSEND_SMTP_URL is set, else the sandbox.

    It connects when it first sends. Raises SetupError for a URL that cannot be used.
    """
    if channel == "email":
        return SmtpProvider.from_url(settings.smtp_url) if settings.smtp_url else SandboxProvider()
    if channel == "sms":
        return SandboxProvider()
    raise SetupError(f"There is no provider for the channel {channel!r}: channels are email and sms.")
