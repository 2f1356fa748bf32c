"""A message in the parts that vendors want who write the MIME themselves: addresses, subject, bodies, files.

Of a shared content the values are put in here; a whole MIME message of ours (single emails, attachments) is taken
apart. Either way the parts say what the MIME message would have said.
"""

import email
import email.policy
from collections.abc import Sequence
from dataclasses import dataclass
from email.headerregistry import Address
from email.message import EmailMessage, MIMEPart
from functools import lru_cache
from typing import cast

from tasks.providers.base import Merge, OutgoingMessage, Places

# What the vendor writes itself, and what the other fields say already.
_OWN_HEADERS = {
    "bcc", "cc", "content-disposition", "content-id", "content-transfer-encoding", "content-type", "date", "from",
    "message-id", "mime-version", "reply-to", "return-path", "sender", "subject", "to",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Enclosure:
    """A file: its name, its media type, its bytes; `content_id` (without brackets) of one that the html shows."""

    name: str
    media_type: str
    content: bytes
    content_id: str | None = None


@dataclass(frozen=True, slots=True)
class Mailbox:
    """An address and the name beside it, as people read it ("" for none)."""

    address: str
    name: str = ""

    def __str__(self) -> str:
        """`name <address>`, quoted as RFC 5322 wants it, in Unicode."""
        if not self.name:
            return self.address
        quoted = self.name.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{quoted}" <{self.address}>'


@dataclass(frozen=True, slots=True)
class Letter:
    """Its texts have \\n line ends. At least one of `text` and `html` is there. `headers` are those that are none of
    the other fields (List-Unsubscribe, for instance)."""

    sender: Mailbox
    to: Mailbox
    reply_to: Mailbox | None
    subject: str
    text: str | None
    html: str | None
    headers: Sequence[tuple[str, str]] = ()
    enclosures: Sequence[Enclosure] = ()


def letter_of(message: OutgoingMessage) -> Letter:
    """The message in parts. Raises ValueError for what is no message of ours."""
    return _taken_apart(message) if message.merge is None else _filled_in(message.merge)


def filled(places: Places, values: Sequence[str]) -> str:
    """A text with the values in their places."""
    return "".join([piece if isinstance(piece, str) else values[piece] for piece in places])


@lru_cache(maxsize=4096)
def mailbox(value: str) -> Mailbox:
    """The one mailbox of a header's value. Raises ValueError."""
    parsed = email.message_from_string(f"To: {value}\n\n", policy=email.policy.default)["to"]
    addresses: Sequence[Address] = () if parsed is None else parsed.addresses
    if len(addresses) != 1:
        raise ValueError("not a mailbox")
    return _mailbox(addresses[0])


def _filled_in(merge: Merge) -> Letter:
    content, values = merge.content, merge.values
    return Letter(
        sender=mailbox(content.sender),
        to=mailbox(merge.to),
        reply_to=mailbox(content.reply_to) if content.reply_to else None,
        subject=filled(content.subject, values),
        text=None if content.text is None else filled(content.text, values),
        html=None if content.html is None else filled(content.html, values),
        headers=[(name, filled(value, values)) for name, value in content.headers],
    )


def _taken_apart(message: OutgoingMessage) -> Letter:
    parsed = email.message_from_bytes(message.content, policy=email.policy.default)
    text, html = parsed.get_body(("plain",)), parsed.get_body(("html",))
    if text is None and html is None:
        raise ValueError("the message has no text")
    bodies = [part for part in (text, html) if part is not None]
    return Letter(
        sender=_first(parsed, "from") or Mailbox(message.sender),
        to=_first(parsed, "to") or Mailbox(message.recipient),
        reply_to=_first(parsed, "reply-to"),
        subject=str(parsed["subject"] or ""),
        text=_text(text),
        html=_text(html),
        headers=[(name, str(value)) for name, value in parsed.items() if name.lower() not in _OWN_HEADERS],
        enclosures=[_enclosure(part) for part in parsed.walk() if not part.is_multipart() and part not in bodies],
    )


def _first(parsed: EmailMessage, name: str) -> Mailbox | None:
    header = parsed[name]
    return _mailbox(header.addresses[0]) if header is not None and header.addresses else None


def _mailbox(address: Address) -> Mailbox:
    return Mailbox(address.addr_spec, address.display_name)


def _text(part: MIMEPart | None) -> str | None:
    return None if part is None else str(part.get_content()).replace("\r\n", "\n")


def _enclosure(part: MIMEPart) -> Enclosure:
    return Enclosure(
        name=part.get_filename() or "attachment",
        media_type=part.get_content_type(),
        content=cast(bytes, part.get_payload(decode=True) or b""),
        content_id=(part["content-id"] or "").strip("<> ") or None,
    )
