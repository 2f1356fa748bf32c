"""What a mail server's replies mean (RFC 5321 section 4.2, enhanced status codes of RFC 2034 and RFC 3463)."""

import re
from functools import lru_cache

from tasks.providers.base import Outcome, OutcomeKind

_ENHANCED = re.compile(r"([245]\.\d{1,3}\.\d{1,3})(?:\s|$)")
# Postfix "queued as 4F2A1", Exim "id=1rX…", sendmail "<id> Message accepted", Exchange "Queued mail for delivery"
# (no id), Haraka "Message Queued (UUID)", Amazon SES "Ok <id>".
_QUEUE_ID = re.compile(
    r"queued as[:\s]+([^\s;,)]+)|\bid=([^\s;,)]+)|queued \(([^)\s]+)\)|^ok ([0-9a-z-]{20,})", re.IGNORECASE
)
_DETAIL_CHARACTERS = 500

# RFC 4954: authentication required, too weak, failed, or encryption needed first. They speak about our account, so
# no recipient is rejected for them.
ACCOUNT_CODES = frozenset({b"530", b"534", b"535", b"538"})


def is_reply_line(line: bytes) -> bool:
    """True for a line with a legal reply code and, behind it, a space, a hyphen or nothing."""
    code = line[:3]
    return len(code) == 3 and code.isdigit() and b"2" <= code[:1] <= b"5" and line[3:4] in {b" ", b"-", b"\r", b""}


def reply_text(reply: bytes) -> str:
    """A whole reply (its lines joined by newlines) as one line for people, at most 500 characters."""
    lines = reply.decode("utf-8", "replace").splitlines()
    text = " ".join([lines[0], *(line[4:] for line in lines[1:])]) if lines else ""
    return "".join(char if char.isprintable() else " " for char in text)[:_DETAIL_CHARACTERS].strip()


def reply_code(reply: bytes) -> str:
    """The enhanced status code where the reply has one of its own class, else the three digits."""
    text = reply[4:80].decode("ascii", "replace")
    found = _ENHANCED.match(text)
    if found and found[1][0] == chr(reply[0]):
        return found[1]
    return reply[:3].decode("ascii", "replace")


@lru_cache(maxsize=64)
def refusal(reply: bytes) -> Outcome:
    """The outcome of a message that was refused: 5xx for good, 4xx for now. 503 (bad sequence of commands) is our
    quarrel with the server, not the recipient's fault, so it counts as for now."""
    permanent = reply[:1] == b"5" and reply[:3] != b"503"
    kind = OutcomeKind.REJECTED if permanent else OutcomeKind.DEFERRED
    return Outcome(kind, code=reply_code(reply), detail=reply_text(reply))


@lru_cache(maxsize=64)
def acceptance(reply: bytes) -> Outcome:
    """The outcome of an accepted message, with the server's queue id as reference where the reply tells it."""
    text = reply_text(reply)
    status = reply_code(reply)
    rest = text[4:].removeprefix(status).strip()
    found = _QUEUE_ID.search(rest)
    reference = next((group for group in found.groups() if group), None) if found else None
    return Outcome(OutcomeKind.ACCEPTED, provider_ref=reference, code=status)
