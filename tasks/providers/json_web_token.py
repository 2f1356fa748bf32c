"""JSON Web Tokens (RFC 7519) in the two forms that providers use: HS256 over a callback, RS256 for our own requests."""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping, Sequence
from typing import Any

import orjson
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256

from tasks.providers.callbacks import TOLERANCE_SECONDS, Callback, ForgedCallback, StaleCallback

_LONGEST = 8192


def signed_rs256(claims: Mapping[str, object], key: RSAPrivateKey) -> str:
    """A token with these claims."""
    signed = _encoded({"alg": "RS256", "typ": "JWT"}) + "." + _encoded(claims)
    return f"{signed}.{_base64(key.sign(signed.encode('ascii'), PKCS1v15(), SHA256()))}"


def signed_hs256(claims: Mapping[str, object], key: str) -> str:
    """The same with a secret that both sides know."""
    signed = _encoded({"alg": "HS256", "typ": "JWT"}) + "." + _encoded(claims)
    return f"{signed}.{_base64(_hmac(key, signed))}"


def verified_hs256(callback: Callback, keys: Sequence[str]) -> Mapping[str, Any]:
    """The claims of a callback's bearer token, signed by one of `keys`, with the hash of its body and the time.

    Raises ForgedCallback, StaleCallback. Any other algorithm than HS256 is a forgery: "none" and a public key as a
    secret are the known ones.
    """
    scheme, _, token = callback.headers.get("authorization", "").partition(" ")
    parts = token.strip().split(".")
    if scheme.lower() != "bearer" or len(parts) != 3 or len(token) > _LONGEST or not token.isascii():
        raise ForgedCallback("There is no token.")
    header, claims = _decoded(parts[0]), _decoded(parts[1])
    given = _bytes(parts[2])
    fits = [hmac.compare_digest(given, _hmac(key, f"{parts[0]}.{parts[1]}")) for key in keys]
    if header.get("alg") != "HS256" or not any(fits):
        raise ForgedCallback("The token's signature is wrong.")
    of_body = hashlib.sha256(callback.body).hexdigest()
    if not hmac.compare_digest(str(claims.get("payload_hash")).lower().encode(), of_body.encode()):
        raise ForgedCallback("The body is not the one that was signed.")
    made_at = claims.get("iat")
    if not isinstance(made_at, int | float) or isinstance(made_at, bool):
        raise ForgedCallback("The token does not say when it was made.")
    if abs(callback.received_at.timestamp() - made_at) > TOLERANCE_SECONDS:
        raise StaleCallback("The token was made too long ago, or in the future.")
    return claims


def _hmac(key: str, signed: str) -> bytes:
    return hmac.new(key.encode(), signed.encode("ascii"), hashlib.sha256).digest()


def _encoded(document: Mapping[str, object]) -> str:
    return _base64(orjson.dumps(document))


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def _bytes(text: str) -> bytes:
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except binascii.Error:
        raise ForgedCallback("The token cannot be read.") from None


def _decoded(text: str) -> Mapping[str, Any]:
    try:
        document = orjson.loads(_bytes(text))
    except orjson.JSONDecodeError:
        raise ForgedCallback("The token cannot be read.") from None
    if not isinstance(document, dict):
        raise ForgedCallback("The token cannot be read.")
    return document
