"""The return paths of this installation: from its settings."""

from models.errors import SetupError
from models.rules.return_paths import ReturnPaths
from models.session import secret_key
from models.settings import Settings


def return_paths_of(settings: Settings) -> ReturnPaths:
    """The return paths of this installation. Raises SetupError where there are none."""
    if settings.bounce_address is None:
        raise SetupError("EXOSEND_BOUNCE_ADDRESS is not set: mails go out with their own senders, who get the bounces.")
    return ReturnPaths(settings.bounce_address, [secret_key(settings), *settings.old_secret_keys])
