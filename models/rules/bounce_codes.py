"""What the codes of a bounce say: that the address is gone, or that the mail was not taken this time.

Being wrong about a hard bounce keeps somebody from getting mail for ever, so only what says that there is no such
mailbox or domain is one (RFC 3463, sections 3.2 to 3.8, and the enhanced codes registered by IANA). A full mailbox
(X.2.2), a policy (X.7) or a route (X.4) are soft: five in a row suppress for thirty days.
"""

import re

_STATUS = re.compile(r"(?<![\d.])([245])\.(\d{1,3})\.(\d{1,3})(?![\d.])")
_REPLY = re.compile(r"(?<![\d.])([45]\d\d)(?=[ -])")

# Subject and detail of a class 5. X.1.7 and X.1.8 are about our own address.
_NO_SUCH_ADDRESS = {(1, detail) for detail in (0, 1, 2, 3, 6, 9, 10)} | {(2, 1), (4, 4)}
# RFC 5321, 4.2.3: 550 no such mailbox (among others), 551 not local, 553 the name is not allowed.
_NO_SUCH_MAILBOX = {"550", "551", "553"}


def status_in(text: str) -> str | None:
    """The first enhanced status code in a text, as `5.1.1`."""
    match = _STATUS.search(text)
    return match[0] if match else None


def reply_in(text: str) -> str | None:
    """The first reply code of SMTP in a text."""
    match = _REPLY.search(text)
    return match[1] if match else None


def is_hard(status: str | None, diagnostic: str) -> bool:
    """Whether there is no such address. `status`: of the report; `diagnostic`: what the server said."""
    # "5.0.0" says no more than that it failed: Exim gives it always, and then the server's own words say more.
    told = status if status is not None and not status.endswith(".0.0") else status_in(diagnostic) or status
    match = _STATUS.fullmatch(told) if told else None
    if match is None or (match[2], match[3]) == ("0", "0"):
        return (match is None or match[1] == "5") and reply_in(diagnostic) in _NO_SUCH_MAILBOX
    return match[1] == "5" and (int(match[2]), int(match[3])) in _NO_SUCH_ADDRESS
