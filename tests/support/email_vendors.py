"""Email as vendors get it: of one content, or whole, with a file."""

from collections.abc import Sequence
from uuid import uuid4

from deployments.http_sink import ACCOUNTS
from tasks.providers.account import parse_account
from tasks.providers.base import Merge, MergeContent, OutgoingMessage
from tasks.providers.http_provider import Vendor
from tasks.providers.vendors.postmark import Postmark
from tasks.providers.vendors.resend import Resend
from tasks.providers.vendors.sendgrid import SendGrid
from tasks.providers.vendors.ses import Ses

EMAIL_VENDORS: dict[str, type[Postmark | Resend | SendGrid | Ses]] = {
    "postmark": Postmark,
    "resend": Resend,
    "sendgrid": SendGrid,
    "ses": Ses,
}
CONTENT = MergeContent("News <news@example.com>", "re@example.com", (0,), ("Hello ", 1), ("<p>", 1, "</p>"))
MIME = (
    b"From: =?utf-8?q?=C5=BDinios?= <news@example.com>\r\nTo: Anna <anna@example.net>\r\nSubject: Files\r\n"
    b"List-Unsubscribe: <https://example.com/u>\r\nMessage-ID: <1@example.com>\r\nMIME-Version: 1.0\r\n"
    b'Content-Type: multipart/mixed; boundary="b"\r\n\r\n--b\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n'
    b'Hello\r\n--b\r\nContent-Type: application/pdf\r\nContent-Disposition: attachment; filename="a.pdf"\r\n'
    b"Content-Transfer-Encoding: base64\r\n\r\nJVBERg==\r\n--b--\r\n"
)


def mail(vendor: str, recipients: Sequence[str] | int) -> list[OutgoingMessage]:
    """Messages of one content; whole ones for SES, which gets no others."""
    if isinstance(recipients, int):
        recipients = [f"user{number}@example.net" for number in range(recipients)]
    if vendor == "ses":
        return [OutgoingMessage(uuid4(), "news@example.com", who, MIME) for who in recipients]
    return [
        OutgoingMessage(uuid4(), "news@example.com", who, b"", merge=Merge(CONTENT, (f"Hi {who}", who), who))
        for who in recipients
    ]


def with_file() -> OutgoingMessage:
    """A whole message to anna@example.net."""
    return OutgoingMessage(uuid4(), "news@example.com", "anna@example.net", MIME)


def vendor_of(name: str, options: str = "") -> Vendor:
    """A vendor's words for its account of the sink; `options` follow the host."""
    return EMAIL_VENDORS[name](parse_account("EXOSEND_EMAIL_URL", f"{name}://{ACCOUNTS[name]}@127.0.0.1{options}"))
