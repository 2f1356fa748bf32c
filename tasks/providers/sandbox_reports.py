"""What the sandbox reports of what it took: like its answers, that is written in the recipient."""

import re
from email import message_from_bytes, policy
from zlib import crc32

from models.rules.reports import Report, ReportKind
from tasks.providers.base import OutgoingMessage

# Real ones, of what people read mail in; the recipient decides which.
USER_AGENTS = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36",
    "Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)",
    "Microsoft Office/16.0 (Windows NT 10.0; Microsoft Outlook 16.0.17928; Pro)",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko)",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148",
    "Mozilla/5.0 (iPad; CPU OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148",
    "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Thunderbird/128.4.0",
)
PRIVACY_PROXY = "Mozilla/5.0"  # all that Apple's Mail Privacy Protection says
DEFAULT_LINK = "https://example.com/"
_IP = "192.0.2.1"  # kept free for documentation (RFC 5737)
_LINK = re.compile(r"""<a\s[^>]*?href=["']?(https?://[^"'\s>]+)""", re.IGNORECASE)

DELIVERED = Report(ReportKind.DELIVERED, 0.5, {"smtp_code": 250})
_SMS_DELIVERED = Report(ReportKind.DELIVERED, 0.5)
_SMS = {
    "undelivered": (Report(ReportKind.FAILED, 0.5, {"reason": "The sandbox was asked not to deliver."}),),
    "expired": (Report(ReportKind.EXPIRED, 0.5, {"reason": "The sandbox was asked to let it expire."}),),
    "stop": (_SMS_DELIVERED, Report(ReportKind.UNSUBSCRIBED, 1.0, {"text": "STOP"})),
    "silent": (),
}
_BOUNCES = {
    "bounce": {"bounce_type": "hard", "code": "5.1.1", "reason": "The sandbox was asked to bounce."},
    "softbounce": {"bounce_type": "soft", "code": "4.2.2", "reason": "The sandbox was asked to bounce for now."},
}


def reports_of(message: OutgoingMessage, action: str) -> tuple[Report, ...]:
    """The reports that follow on a message it took, for what its recipient asks for (see SandboxProvider)."""
    if "@" not in message.recipient:
        return _SMS.get(action, (_SMS_DELIVERED,))
    if action in _BOUNCES:
        return (Report(ReportKind.BOUNCED, 0.5, _BOUNCES[action]),)
    if action == "silent":
        return ()
    return (DELIVERED, *_later(message, action))


def _later(message: OutgoingMessage, action: str) -> tuple[Report, ...]:
    if action == "complain":
        return (Report(ReportKind.COMPLAINED, 1.0, {"feedback_type": "abuse"}),)
    if action == "proxyopen":
        return (Report(ReportKind.OPENED, 1.0, {"user_agent": PRIVACY_PROXY, "ip": _IP}),)
    if action not in {"open", "click", "unsubscribe"}:
        return ()
    agent = USER_AGENTS[crc32(message.recipient.encode()) % len(USER_AGENTS)]
    opened = Report(ReportKind.OPENED, 1.0, {"user_agent": agent, "ip": _IP})
    if action == "click":
        seen = {"url": _first_link(message.content), "user_agent": agent, "ip": _IP}
        return (opened, Report(ReportKind.CLICKED, 1.5, seen))
    return (opened,) if action == "open" else (opened, Report(ReportKind.UNSUBSCRIBED, 1.5))


def _first_link(content: bytes) -> str:
    html = message_from_bytes(content, policy=policy.default).get_body(("html",))
    found = _LINK.search(html.get_content()) if html is not None else None
    return found[1].replace("&amp;", "&") if found else DEFAULT_LINK
