"""DKIM key pairs: RSA of 2048 bits, which every verifier takes (RFC 8301, section 3.2)."""

import base64

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_der_private_key,
)
from sqlalchemy.orm import Session

from models.encryption import decrypt, encrypt
from models.settings import Settings
from models.store.email_domains import give_key
from models.tables import EmailDomain

KEY_BITS = 2048


def with_key(session: Session, domain: EmailDomain, settings: Settings) -> EmailDomain:
    """The domain with a DKIM key pair: one is made for a domain that has none (new, or added by an operator).

    The private key is stored encrypted. Raises SetupError when there is no secret key.
    """
    if domain.dkim_public_key is not None:
        return domain
    pair = rsa.generate_private_key(public_exponent=65537, key_size=KEY_BITS)
    private = pair.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    return give_key(session, domain, public_key=_published(pair), private_key=encrypt(settings, private))


def signing_key_published(domain: EmailDomain, settings: Settings) -> str:
    """What DNS must hold so that mail signed with the stored key is believed (Base64). `domain` has a key.

    It is worked out from the private key: a key that nobody can open any more signs nothing. Raises SetupError
    without the secret key that it was stored under.
    """
    assert domain.dkim_private_key is not None
    pair = load_der_private_key(decrypt(settings, domain.dkim_private_key), password=None)
    assert isinstance(pair, rsa.RSAPrivateKey)
    return _published(pair)


def _published(pair: rsa.RSAPrivateKey) -> str:
    """The `p=` of the record: Base64 of the SubjectPublicKeyInfo (RFC 6376, section 3.6.1)."""
    return base64.b64encode(pair.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).decode()
