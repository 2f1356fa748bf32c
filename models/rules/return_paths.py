"""The address that bounces of one message come back to (a variable envelope return path), which nobody can make up.

    bounces+<message id, 32 hexadecimal digits>.<tag, 16>@bounces.example.com

Anybody can mail a bounce, and message ids can be guessed: those of a run follow from one another
(models/rules/ids.py). So the tag is a MAC of the id under a key of this installation: whoever writes it has seen the
envelope of that message, or its Return-Path header, which are those who carried or got it.
"""

import hashlib
import hmac
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from uuid import UUID

# RFC 5321, 4.5.3.1.1: a local part has at most 64 octets, of which id, tag, + and . take 50.
_LOCAL_MAX = 14
ADDRESS = rf"^[a-z0-9_-]{{1,{_LOCAL_MAX}}}@[a-z0-9-]{{1,63}}(\.[a-z0-9-]{{1,63}})+$"
_TAG_BYTES = 8


@dataclass(frozen=True, slots=True)
class ReturnPaths:
    """Makes and reads such addresses. `address` is what stands around the +; `keys` the secret keys, today's first."""

    address: str
    keys: Sequence[str] = field(repr=False)

    def address_of(self, message_id: UUID) -> str:
        """The envelope sender of a message."""
        local, _, domain = self.address.partition("@")
        return f"{local}+{message_id.hex}.{_tag(self.keys[0], message_id)}@{domain}"

    def messages_in(self, texts: Iterable[str]) -> set[UUID]:
        """The messages whose addresses stand in the texts, of those that are genuine. Case does not matter: servers
        change it."""
        local, _, domain = map(re.escape, self.address.partition("@"))
        pattern = re.compile(rf"{local}\+([0-9a-f]{{32}})\.([0-9a-f]{{16}})@{domain}", re.IGNORECASE)
        found = {(UUID(id_), tag.lower()) for text in texts for id_, tag in pattern.findall(text)}
        return {id_ for id_, tag in found if any(hmac.compare_digest(_tag(key, id_), tag) for key in self.keys)}


def _tag(secret: str, message_id: UUID) -> str:
    # 64 bits are more than one can try by mail. `person` keeps this apart from all else that the key is used for.
    key = hashlib.sha256(secret.encode()).digest()
    mac = hashlib.blake2s(message_id.bytes, digest_size=_TAG_BYTES, key=key, person=b"exosend1")
    return mac.hexdigest()
