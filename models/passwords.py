"""Passwords: argon2id by argon2-cffi, with the parameters of RFC 9106, section 4 (second recommended option)."""

import secrets
import threading
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from models.errors import InvalidInput

PASSWORD_MIN = 12
PASSWORD_MAX = 200

HASHER = PasswordHasher()

# One takes 64 MiB and a tenth of a second or more: log-ins queue, so that they never take the whole process.
_AT_ONCE = threading.BoundedSemaphore(2)


def hash_password(password: str) -> str:
    """The password as it is stored."""
    with _AT_ONCE:
        return HASHER.hash(password)


def verify_password(stored: str | None, password: str) -> bool:
    """Whether it is the password. Without a stored one the answer is no, and takes as long."""
    with _AT_ONCE:
        try:
            return HASHER.verify(stored or _nobodys(), password) and stored is not None
        except (VerificationError, InvalidHashError):
            return False


def check_new_password(password: str, *, field: str, email: str | None) -> None:
    """Raises InvalidInput on `field` for one that is too short, too long, or the address itself.

    Length and nothing else, as NIST SP 800-63B (3.1.1.2) has it.
    """
    if not PASSWORD_MIN <= len(password) <= PASSWORD_MAX:
        raise InvalidInput({field: [f"The {field} field must have {PASSWORD_MIN} to {PASSWORD_MAX} characters."]})
    if email is not None and password.strip().lower() == email.lower():
        raise InvalidInput({field: [f"The {field} field must not be the email address."]})


def make_password() -> str:
    """A random password of 120 bits, to be handed over once and changed."""
    return "-".join(secrets.token_hex(3) for _ in range(5))


@cache
def _nobodys() -> str:
    """A hash that no password has, made with the parameters in force: checking it takes as long as a real one."""
    return HASHER.hash(secrets.token_hex(16))
