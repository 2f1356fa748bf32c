"""The messages that wait for an SMTP connection, and which of them a server can take at all."""

import re

from tasks.providers.base import Outcome, OutcomeKind, OutgoingMessage
from tasks.providers.message_queue import MessageQueue, MessageSlot

# What would end the command or its argument early. Addresses are checked long before; this holds the line against
# command injection whatever comes.
_UNSAFE = re.compile(r"[\x00-\x20\x7f<>]")


class SmtpQueue(MessageQueue):
    """The queue that all sessions with one mail server take from."""

    def take_for(self, size_limit: int, smtputf8: bool, in_seconds: float = 0.0) -> MessageSlot | None:
        """The next message that may go to a server with these abilities (`size_limit` in bytes, 0 = none).

        `in_seconds`: when its body will go out. None is taken that would be late by then.

        What cannot go there is settled on the way: an unusable address, more than the server's SIZE (RFC 1870),
        an address that needs SMTPUTF8 (RFC 6531) where the server does not know it.
        """
        while (slot := self.take(in_seconds)) is not None:
            call, index = slot
            obstacle = _obstacle(call.items[index], size_limit, smtputf8)
            if obstacle is None:
                return slot
            call.settle(index, obstacle)
        return None


def _obstacle(message: OutgoingMessage, size_limit: int, smtputf8: bool) -> Outcome | None:
    sender, recipient = message.sender, message.recipient
    if not recipient or _UNSAFE.search(recipient):
        return Outcome(OutcomeKind.REJECTED, code="5.1.3", detail="The recipient is not an email address.")
    if _UNSAFE.search(sender):
        return Outcome(OutcomeKind.REJECTED, code="5.1.7", detail="The sender is not an email address.")
    if not smtputf8 and not (recipient.isascii() and sender.isascii()):
        return Outcome(
            OutcomeKind.REJECTED, code="5.6.7", detail="The mail server does not take addresses beyond ASCII."
        )
    if size_limit and len(message.content) > size_limit:
        return Outcome(
            OutcomeKind.REJECTED,
            code="5.3.4",
            detail=f"The message has {len(message.content)} bytes; the mail server takes {size_limit}.",
        )
    return None
