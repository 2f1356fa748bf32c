"""What stands in the links of our mails: tokens that say which message they are of, and cannot be made by others.

Nothing is stored for a link or for a message. A token is, in base64url (RFC 4648, section 5, without padding):

    key id 1 | message id 16 | mark of its content 9 | tag 10     36 bytes, 48 characters: the head
    tag of the address 12 | the address                           of a link that is clicked, behind the head

The tags are keyed BLAKE2b, a MAC by itself (RFC 7693, section 2.9) in a sixth of the time of HMAC-SHA256. One of it a
message gives three tags of 80 bits, one for each kind of link. They are independent parts of one output, so who has one
kind of link cannot make another kind: people forward and quote links, and an address that was clicked must not
unsubscribe who clicked it. 80 bits can be tried online only, at this server's speed.

The tag of an address covers the mark of the content it stands in, once for all messages of that content. So it can be
put behind the heads of messages of that content and no others: whoever has one mail has all its links anyway, and
nobody gets a link to where its author did not point it.
"""

import binascii
import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from hashlib import blake2b, sha256
from hmac import compare_digest
from uuid import UUID

HEAD_LENGTH = 48
URL_MAX = 1500
"""Bytes of an address that is signed; a longer one would not fit into what servers take for a URL."""

_TAG = 10
_MARK = 9
_ADDRESS_TAG = 12
_BODY = 1 + 16 + _MARK
_HEAD = _BODY + _TAG
_TO_URL = bytes.maketrans(b"+/", b"-_")
_TOKEN = re.compile(r"[A-Za-z0-9_-]{48,2200}").fullmatch
# What a link may lead to: an absolute address of the web in printable ASCII. So there is no line end in it that could
# end a header, no scheme that runs something, and no "//host" that would be somebody else's.
_WEB_ADDRESS = re.compile(r"https?://[!-~]+", re.IGNORECASE).fullmatch


class LinkKind(IntEnum):
    """What a link is for; the number says which part of the HMAC is its tag."""

    OPEN = 0
    CLICK = 1
    UNSUBSCRIBE = 2


@dataclass(frozen=True, slots=True)
class MessageLinks:
    """The heads of one message's links."""

    open: str
    click: str
    unsubscribe: str


@dataclass(frozen=True, slots=True)
class ReadLink:
    """What a token says: the message, and of one that is clicked the address."""

    message_id: UUID
    url: str | None = None


def content_mark(content_id: UUID) -> bytes:
    """What stands for a content in the links of its messages: the part of its id that is random."""
    return content_id.bytes[-_MARK:]


def is_web_address(url: str) -> bool:
    """Whether a link may lead there."""
    return len(url) <= URL_MAX and _WEB_ADDRESS(url) is not None


class _Key:
    """One key, made ready: to begin a hash anew takes longer than to go on with a copy."""

    def __init__(self, secret: bytes) -> None:
        self.id = sha256(b"id" + secret).digest()[0]
        self._message = blake2b(key=secret, digest_size=3 * _TAG, person=b"message")
        self._address = blake2b(key=secret, digest_size=_ADDRESS_TAG, person=b"address")

    def message_tags(self, body: bytes) -> bytes:
        """The tags of all kinds."""
        tags = self._message.copy()
        tags.update(body)
        return tags.digest()

    def address_tag(self, url: bytes, mark: bytes) -> bytes:
        tag = self._address.copy()
        tag.update(mark + url)
        return tag.digest()


class LinkKeys:
    """Makes tokens with the first key, and reads those made with any of them."""

    def __init__(self, secrets: Sequence[bytes]) -> None:
        """`secrets`: the current one first, then those it replaced, whose links are still in people's mailboxes."""
        self._keys = [_Key(secret) for secret in secrets]
        self._key = self._keys[0]
        self._id = bytes([self._key.id])

    def message_links(self, message_id: UUID, mark: bytes) -> MessageLinks:
        """The heads of the links of a message of the content with this mark."""
        body = self._id + message_id.bytes + mark
        tags = self._key.message_tags(body)
        return MessageLinks(
            _written(body + tags[:_TAG]),
            _written(body + tags[_TAG : 2 * _TAG]),
            _written(body + tags[2 * _TAG :]),
        )

    def address(self, url: str, mark: bytes) -> str:
        """What stands behind the head where a link leads to `url`, an address for which `is_web_address` holds."""
        written = url.encode("ascii")
        return _written(self._key.address_tag(written, mark) + written)

    def read(self, kind: LinkKind, token: str) -> ReadLink | None:
        """What a token of this kind says; None for one that was not made here, or is of another kind."""
        if _TOKEN(token) is None or (kind is not LinkKind.CLICK and len(token) != HEAD_LENGTH):
            return None
        content = _read(token)
        if content is None:
            return None
        body, tag, rest = content[:_BODY], content[_BODY:_HEAD], content[_HEAD:]
        for key in self._keys:
            if key.id != body[0]:
                continue
            right = key.message_tags(body)[kind * _TAG : (kind + 1) * _TAG]
            if is_same(right, tag):
                message_id = UUID(bytes=body[1:17])
                return (
                    _with_address(key, message_id, rest, body[17:]) if kind is LinkKind.CLICK else ReadLink(message_id)
                )
        return None


def is_same(tag: bytes, shown: bytes) -> bool:
    """Whether a tag is the right one, in a time that does not tell how much of it is."""
    return compare_digest(tag, shown)


def _with_address(key: _Key, message_id: UUID, rest: bytes, mark: bytes) -> ReadLink | None:
    tag, written = rest[:_ADDRESS_TAG], rest[_ADDRESS_TAG:]
    if not is_same(key.address_tag(written, mark), tag):
        return None
    url = written.decode("ascii", "replace")
    return ReadLink(message_id, url) if is_web_address(url) else None


def _written(content: bytes) -> str:
    return binascii.b2a_base64(content, newline=False).translate(_TO_URL).rstrip(b"=").decode("ascii")


def _read(token: str) -> bytes | None:
    """The bytes, if this is how they are written: base64 has several ways to write what is no multiple of three."""
    try:
        padded = token + "=" * (-len(token) % 4)
        content = binascii.a2b_base64(padded.replace("-", "+").replace("_", "/").encode("ascii"), strict_mode=True)
    except binascii.Error:
        return None
    return content if _written(content) == token else None
