"""How the links of this installation's mails are made."""

from models.link_keys import link_keys
from models.settings import Settings
from tasks.content.tracking import Links


def links_of(settings: Settings) -> Links:
    """By its settings. Raises SetupError without a secret key."""
    return Links(link_keys(settings), settings.public_url)
