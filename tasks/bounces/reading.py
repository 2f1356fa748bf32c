"""From a mail to what it says about a message: delivery status notifications (RFC 3464), complaints of feedback loops
(RFC 5965), and bounces of servers that follow neither. Pure.

A mail is believed for the return path in it (models/rules/return_paths.py) and for nothing else: neither its sender nor
a Message-ID proves anything.
"""

import logging
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email import message_from_bytes
from email.header import decode_header, make_header
from email.message import Message
from email.policy import Compat32
from email.utils import parsedate_to_datetime
from uuid import UUID

from flufl.bounce import all_failures

from models.rules.bounce_codes import is_hard, reply_in, status_in
from models.rules.reports import ReportKind
from models.rules.return_paths import ReturnPaths
from tasks.providers.callbacks import ProviderEvent

log = logging.getLogger(__name__)

#: Of a mail; what is longer is cut, as by servers that return the whole message. Reports come first.
MAIL_BYTES_MAX = 1024 * 1024
_PARTS_MAX = 50
# Each line is compared with the boundaries of all parts it stands in: of three hundred, a megabyte took nine seconds.
_BOUNDARIES_MAX = 20
_BOUNDARY = re.compile(rb"\bboundary(?:\*[0-9]*)*+\s*+=", re.IGNORECASE)
_HEADER_MAX = 4000
_LOGGED_MAX = 100
_NOT_PRINTED = re.compile(r"[^ -~]")
_WORDS_MAX = 20_000
_REASON_MAX = 500
# RFC 5965, 3.1 and 3.5, and RFC 6650. "not-spam" is the opposite, "auth-failure" (RFC 6591) about our DKIM.
_COMPLAINTS = {"abuse", "fraud", "virus", "other"}
_FAREWELLS = {"opt-out", "opt-out-list"}


class _Short(Compat32):
    """Headers are cut: reading a megabyte of parameters or encoded words takes seconds, or hours."""

    def header_source_parse(self, sourcelines: list[str]) -> tuple[str, str]:
        """See email.policy.Policy."""
        name, value = super().header_source_parse(sourcelines)
        return name, value[:_HEADER_MAX]


_SHORT = _Short()


@dataclass(frozen=True, slots=True)
class Read:
    """What a mail is. `event` None: nothing to be applied, since `what`."""

    what: str
    event: ProviderEvent | None = None


def read_mail(content: bytes, return_paths: ReturnPaths, received_at: datetime, recipient: str | None = None) -> Read:
    """What a mail says. `recipient`: the envelope's, where who took the mail knows it. Never raises: a mail that ended
    the reader would be read again and again."""
    try:
        return _read(content, return_paths, received_at, recipient)
    except Exception:  # RecursionError among others: parts within parts, thousands deep
        log.exception("A mail in which a bounce may be cannot be read.")
        return Read("It cannot be read.")


def _read(content: bytes, return_paths: ReturnPaths, received_at: datetime, recipient: str | None) -> Read:
    content = content[:MAIL_BYTES_MAX]
    if len(_BOUNDARY.findall(content)) > _BOUNDARIES_MAX:
        return Read("It has parts within parts.")
    mail = message_from_bytes(content, policy=_SHORT)
    parts = [part for part, _ in zip(mail.walk(), range(_PARTS_MAX), strict=False)]
    messages = return_paths.messages_in([recipient or ""]) or return_paths.messages_in(_texts(content, parts))
    if len(messages) != 1:
        return Read("It names no return path of ours." if not messages else "It names several messages.")
    [message_id] = messages
    at = _date(mail, received_at)
    for part in parts:
        match part.get_content_type():
            case "message/delivery-status":
                return _delivery_status(part, message_id, at)
            case "message/feedback-report":
                return _feedback(part, message_id, at)
    return _odd(mail, parts, message_id, at)


def _delivery_status(part: Message, message_id: UUID, at: datetime) -> Read:
    """RFC 3464: a group of fields for the message, then one for each recipient. The worst is what counts: a message of
    ours has one recipient, and a server that forwards it may say of several what became of it."""
    groups = [group for group in _groups(part) if "action" in group]
    actions = {_field(group, "Action").lower(): group for group in reversed(groups)}
    if (failed := actions.get("failed")) is not None:
        diagnostic = _field(failed, "Diagnostic-Code").partition(";")[2].strip()
        return _bounced(message_id, status_in(_field(failed, "Status")), diagnostic, at)
    if "delivered" in actions:  # asked for by nobody, and true all the same
        return Read("It was delivered.", ProviderEvent(f"{message_id}:delivered", ReportKind.DELIVERED, at, message_id))
    said = ", ".join(sorted(actions))[:_LOGGED_MAX]
    return Read(f"Nothing is final: {_NOT_PRINTED.sub('?', said) or 'no recipient'}.")


def _feedback(part: Message, message_id: UUID, at: datetime) -> Read:
    kind = next((_field(group, "Feedback-Type").lower() for group in _groups(part) if "feedback-type" in group), "")
    if kind in _COMPLAINTS:
        payload = {"reason": kind}
        event = ProviderEvent(f"{message_id}:complained", ReportKind.COMPLAINED, at, message_id, payload=payload)
        return Read("It is a complaint.", event)
    if kind in _FAREWELLS:
        event = ProviderEvent(f"{message_id}:unsubscribed", ReportKind.UNSUBSCRIBED, at, message_id)
        return Read("It is a farewell.", event)
    return Read(f"It is feedback of the type {kind[:50]!a}, which changes nothing.")


def _odd(mail: Message, parts: list[Message], message_id: UUID, at: datetime) -> Read:
    """A bounce in words of the server's own. Whose fault it is, only a code in them says."""
    if mail.get("Auto-Submitted", "").lower().startswith("auto-replied"):
        return Read("It is an automatic reply.")
    temporary, permanent = all_failures(mail)
    if not temporary and not permanent:
        return Read("It is no bounce that can be read.")
    words = " ".join(_words(part) for part in parts if part.get_content_type() == "text/plain")[:_WORDS_MAX]
    # What was returned with it follows, and may hold any number.
    said = words.partition("--- ")[0] if "--- " in words else words
    return _bounced(message_id, status_in(said), said, at, permanent=bool(permanent))


def _bounced(message_id: UUID, status: str | None, diagnostic: str, at: datetime, *, permanent: bool = True) -> Read:
    hard = permanent and is_hard(status, diagnostic)
    code = status or status_in(diagnostic) or reply_in(diagnostic)
    payload = {
        "bounce_type": "hard" if hard else "soft",
        **({"code": code} if code else {}),
        **({"reason": " ".join(diagnostic.split())[:_REASON_MAX]} if diagnostic else {}),
    }
    key = f"{message_id}:bounced:{payload['bounce_type']}:{code or ''}"
    event = ProviderEvent(key, ReportKind.BOUNCED, at, message_id, payload=payload)
    return Read(f"It is a {payload['bounce_type']} bounce.", event)


def _groups(part: Message) -> list[Message]:
    """The groups of fields of a part: the parser makes messages of them, or leaves a text where it met none."""
    payload = part.get_payload()
    if isinstance(payload, list):
        return [group for group in payload if isinstance(group, Message)]
    texts = _words(part).replace("\r\n", "\n").strip().split("\n\n")
    return [message_from_bytes(text.encode("utf-8", "replace"), policy=_SHORT) for text in texts]


def _field(group: Message, name: str) -> str:
    value = str(group.get(name, ""))
    try:
        return " ".join(str(make_header(decode_header(value))).split())
    except (ValueError, LookupError):  # an encoded word in a charset that nobody has
        return " ".join(value.split())


def _texts(content: bytes, parts: list[Message]) -> Iterator[str]:
    """Where a return path may stand: the mail as it came, and its parts decoded."""
    yield content.decode("latin-1")
    for part in parts:
        if part.get("Content-Transfer-Encoding", "7bit").strip().lower() in {"base64", "quoted-printable"}:
            yield _words(part)


def _words(part: Message) -> str:
    payload = part.get_payload(decode=True)
    return payload.decode("utf-8", "replace") if isinstance(payload, bytes) else ""


def _date(mail: Message, received_at: datetime) -> datetime:
    try:
        at = parsedate_to_datetime(str(mail.get("Date", "")))
    except (ValueError, OverflowError):  # a zone of a billion hours
        return received_at
    return at if at.tzinfo is not None else at.replace(tzinfo=UTC)
