"""What is encrypted at rest: Fernet (AES-128-CBC with HMAC-SHA256), under a key that follows from the secret key.

Without the secret key nothing is opened, so a backup alone gives no secret away.
"""

import base64

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from models.errors import SetupError
from models.session import secret_key
from models.settings import Settings


def encrypt(settings: Settings, content: bytes) -> bytes:
    """The content, to be stored. Raises SetupError when there is no secret key."""
    return _fernet(settings).encrypt(content)


def decrypt(settings: Settings, stored: bytes) -> bytes:
    """What `encrypt` was given. Raises SetupError without the secret key that it was stored under."""
    try:
        return _fernet(settings).decrypt(stored)
    except InvalidToken:
        raise SetupError(
            "What is stored encrypted cannot be opened: the secret key is not the one it was stored under. "
            "Put the right key into EXOSEND_SECRET_KEY, or into secret.key in the data folder."
        ) from None


def _fernet(settings: Settings) -> MultiFernet:
    # `info` keeps this key apart from all else that is derived from the secret key, such as the roles' passwords.
    derived = HKDF(SHA256(), length=32, salt=None, info=b"exosend: encryption at rest").derive(
        secret_key(settings).encode()
    )
    return MultiFernet([Fernet(base64.urlsafe_b64encode(derived))])
