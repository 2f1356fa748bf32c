"""What is encrypted at rest: Fernet (AES-128-CBC with HMAC-SHA256), under a key that follows from the secret key.

Without the secret key nothing is opened, so a backup alone gives no secret away. While one secret key replaces another,
the ones before (EXOSEND_SECRET_KEY_OLD) still open what was stored under them; `exosend secrets rotate` stores it anew.
"""

import base64
from functools import lru_cache

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from models.errors import SetupError
from models.session import secret_key
from models.settings import Settings


def encrypt(settings: Settings, content: bytes) -> bytes:
    """The content, to be stored. Raises SetupError when there is no secret key."""
    return _newest(settings).encrypt(content)


def decrypt(settings: Settings, stored: bytes) -> bytes:
    """What `encrypt` was given. Raises SetupError without the secret key that it was stored under."""
    try:
        return MultiFernet([_newest(settings), *map(_fernet, settings.old_secret_keys)]).decrypt(stored)
    except InvalidToken:
        raise SetupError(
            "What is stored encrypted cannot be opened: the secret key is not the one it was stored under. "
            "Put the right key into EXOSEND_SECRET_KEY, or into secret.key in the data folder; a key that was "
            "replaced goes into EXOSEND_SECRET_KEY_OLD until `exosend secrets rotate` was run."
        ) from None


def encrypt_again(settings: Settings, stored: bytes) -> bytes | None:
    """What is stored, under the secret key of today; None where it is already. Raises SetupError as `decrypt`."""
    newest = _newest(settings)
    try:
        newest.decrypt(stored)
    except InvalidToken:
        return newest.encrypt(decrypt(settings, stored))
    return None


def _newest(settings: Settings) -> Fernet:
    return _fernet(secret_key(settings))


@lru_cache(maxsize=8)  # to derive it takes longer than to encrypt a callback
def _fernet(key: str) -> Fernet:
    # `info` keeps this key apart from all else that is derived from the secret key, such as the roles' passwords.
    derived = HKDF(SHA256(), length=32, salt=None, info=b"exosend: encryption at rest").derive(key.encode())
    return Fernet(base64.urlsafe_b64encode(derived))
