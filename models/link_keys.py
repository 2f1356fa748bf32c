"""The keys of the links in our mails, which follow from the secret key and from those it replaced."""

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from models.rules.link_tokens import LinkKeys
from models.session import secret_key
from models.settings import Settings


def link_keys(settings: Settings) -> LinkKeys:
    """The keys of this installation. Raises SetupError when there is no secret key."""
    secrets = [secret_key(settings), *settings.old_secret_keys]
    return LinkKeys([_derived(secret) for secret in secrets])


def _derived(secret: str) -> bytes:
    # `info` keeps this key apart from all else that is derived from the secret key (models/encryption.py).
    return HKDF(SHA256(), length=32, salt=None, info=b"exosend: links in mails").derive(secret.encode())
