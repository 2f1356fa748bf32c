"""The keys that mail is signed with, at hand for those who make it."""

import time
from collections.abc import Iterable
from threading import Lock
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_der_private_key
from sqlalchemy.orm import Session

from models.encryption import decrypt
from models.settings import Settings
from models.store.signing_keys import SigningKey, read_signing_keys
from tasks.content.dkim import DkimSigner

Sender = tuple[UUID, str]
"""An organization, and the domain of a sender's address."""

_KEPT_SECONDS = 60.0
_MOST = 10_000


class LazySigner:
    """A DkimSigner that opens its key when it first signs: few mail servers want signatures."""

    def __init__(self, settings: Settings, key: SigningKey) -> None:
        self._settings = settings
        self._stored = key
        self._signer: DkimSigner | None = None

    def sign(self, message: bytes) -> bytes:
        """The message with its signature. Raises SetupError without the secret key that the key is stored under."""
        if self._signer is None:
            key = load_der_private_key(decrypt(self._settings, self._stored.private_key), password=None)
            assert isinstance(key, RSAPrivateKey)
            self._signer = DkimSigner(self._stored.domain, self._stored.selector, key)
        return self._signer.sign(message)


class Signers:
    """Signers of senders' domains, read from the database at most once a minute each. Thread-safe."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._known: dict[Sender, tuple[float, LazySigner | None]] = {}
        self._lock = Lock()

    def of(self, session: Session, senders: Iterable[Sender]) -> dict[Sender, LazySigner | None]:
        """Those of the senders, for a role that sees all organizations; None where the domain is not verified by the
        organization, or has no key."""
        wanted, now = set(senders), time.monotonic()
        with self._lock:
            known = {each: self._known[each] for each in wanted & self._known.keys()}
        if missing := {each for each in wanted if each not in known or now - known[each][0] > _KEPT_SECONDS}:
            keys = read_signing_keys(session, sorted(missing))
            fresh = {each: (now, LazySigner(self._settings, keys[each]) if each in keys else None) for each in missing}
            known |= fresh
            with self._lock:
                if len(self._known) > _MOST:
                    self._known.clear()
                self._known |= fresh
        return {each: signer for each, (_, signer) in known.items()}
