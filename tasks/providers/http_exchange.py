"""One request to a provider over HTTP, and what became of it.

Whether a request was written decides what a lost one means: what was never written was certainly not taken, what was
written and not answered may have been (base.py).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from tasks.providers.open_calls import OpenCall

ABORTED, CONNECTION, CONTENT, PROTOCOL, TIMEOUT, TLS = "aborted", "connection", "content", "protocol", "timeout", "tls"

_MOST_SECONDS = 24 * 3600.0


@dataclass(frozen=True, slots=True)
class Request:
    """A POST. `target` is the path with its query, percent-encoded; `headers` are those of this request alone."""

    target: str
    body: bytes = field(repr=False)
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer. Names of headers are in lower case; of one that came twice, the last is kept."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Unwritten:
    """The request was certainly not written whole. `code` says why: LATE, ABORTED, CONNECTION, TLS,
    TIMEOUT, or CONTENT where the request itself is at fault."""

    code: str
    detail: str


@dataclass(frozen=True, slots=True)
class Unanswered:
    """The request was written, and no whole answer came: CONNECTION, TIMEOUT, PROTOCOL or ABORTED."""

    code: str
    detail: str


Result = Answer | Unwritten | Unanswered
RequestCall = OpenCall[Request, Result]
RequestSlot = tuple[RequestCall, int]


def retry_after_seconds(header: str) -> float | None:
    """RFC 9110 section 10.2.3: seconds, or a date. At most a day; None for what is neither."""
    text = header.strip()
    if text.isascii() and text.isdigit():
        return min(float(text[:9]), _MOST_SECONDS)
    try:
        at = parsedate_to_datetime(text)
    except ValueError:
        return None
    at = at if at.tzinfo is not None else at.replace(tzinfo=UTC)
    return min(max(0.0, (at - datetime.now(UTC)).total_seconds()), _MOST_SECONDS)
