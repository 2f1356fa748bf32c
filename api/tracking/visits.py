"""What a request for a link says about who makes it: person or machine, by the request alone."""

from datetime import UTC, datetime
from hashlib import blake2b
from typing import Any
from uuid import UUID

from flask import Request
from werkzeug.datastructures import Headers

from models.rules.reports import ReportKind
from models.store.engagement import Engagement

_USER_AGENT_MAX = 500
# What a browser, or a mail client, says when it fetches something that nobody has asked for yet.
_AHEAD_HEADERS = ("Sec-Purpose", "Purpose", "X-Purpose", "X-Moz")
_AHEAD = ("prefetch", "preview", "prerender")
SAME_SECONDS = 10
"""The same within so long is one: a click twice, an image fetched twice. It also bounds what one link can fill."""


def engagement_of(request: Request, kind: ReportKind, message_id: UUID, **more: Any) -> Engagement:
    """What is kept of the request. `more` goes into the payload.

    `proxy: true` marks machines: whoever asks for no body (HEAD), and what is fetched ahead. Others are known by their
    user agents, and by when they click, which is looked at when the event is applied (tasks/reports).
    """
    at = datetime.now(UTC)
    agent = request.headers.get("User-Agent", "")[:_USER_AGENT_MAX]
    payload = {"ip": request.remote_addr, "user_agent": agent or None, **more}
    by_machine = request.method == "HEAD" or is_ahead(request.headers)
    if by_machine:
        payload["proxy"] = True
    key = f"{kind}:{message_id}:{_short(more.get('url'))}:{by_machine:d}:{int(at.timestamp()) // SAME_SECONDS}"
    return Engagement(key, kind, message_id, at, {name: value for name, value in payload.items() if value is not None})


def is_ahead(headers: Headers) -> bool:
    """Whether something is fetched before anybody asked for it."""
    return any(word in headers.get(name, "").lower() for name in _AHEAD_HEADERS for word in _AHEAD)


def _short(url: object) -> str:
    return blake2b(str(url).encode(), digest_size=8).hexdigest() if url else ""
