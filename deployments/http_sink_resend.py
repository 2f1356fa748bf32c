"""Resend's emails and emails/batch as they are documented (the pages: tasks/providers/vendors/resend.py)."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from email.utils import parseaddr
from typing import Any
from uuid import uuid4

import orjson
from standardwebhooks import Webhook

from deployments import http_sink_domains
from deployments.http_sink_events import fingerprint, is_hard, of_messages, said
from deployments.http_sink_protocol import Answered, Refused, Taken
from models.rules.reports import ReportKind
from tasks.providers.callbacks import Callback, InboundSms, ProviderEvent

_MOST_MESSAGES = 100
_TAG = re.compile(r"[A-Za-z0-9_-]{1,256}", re.ASCII)
_EVENTS = {
    ReportKind.DELIVERED: "email.delivered",
    ReportKind.OPENED: "email.opened",
    ReportKind.CLICKED: "email.clicked",
    ReportKind.BOUNCED: "email.bounced",
    ReportKind.COMPLAINED: "email.complained",
}


class ResendApi:
    """One account, ("api", key). `seen`: requests by their idempotency key, and what was answered."""

    def __init__(self, account: tuple[str, str]) -> None:
        self._authorization = f"Bearer {account[1]}"
        self.domains = http_sink_domains.Domains()
        self.seen: dict[str, tuple[bytes, Taken]] = {}

    def handle(self, target: str, headers: Mapping[str, str], body: bytes) -> Taken | Refused:
        """See Api."""
        if refused := self._unwelcome(target, headers):
            return refused
        key = headers.get("idempotency-key", "")
        if key in self.seen:
            before, taken = self.seen[key]
            if before != body:
                return _refused(
                    409, "invalid_idempotent_request", "Same idempotency key used with a different payload."
                )
            return replace(taken, is_repeated=True)
        found = self._taken(target, headers, orjson.loads(body))
        if isinstance(found, Refused) or not key:
            return found
        return replace(found, keep=lambda: self.seen.update({key: (body, found)}))

    def manage(self, method: str, target: str, headers: Mapping[str, str], body: bytes) -> Answered | None:
        """See Api."""
        if not target.startswith("/domains"):
            return None
        if headers.get("authorization") != self._authorization:
            return Answered(401, _refused(401, "validation_error", "API key is invalid").answer)
        return http_sink_domains.resend(self.domains, method, target, body)

    def error(self, status: int, text: str) -> bytes:
        """See Api."""
        return _refused(status, "application_error" if status >= 500 else "validation_error", text).answer

    def _unwelcome(self, target: str, headers: Mapping[str, str]) -> Refused | None:
        if "user-agent" not in headers:
            return Refused(403, b"error code: 1010")
        if headers.get("authorization") != self._authorization:
            return _refused(401, "validation_error", "API key is invalid")
        if target not in {"/emails", "/emails/batch"}:
            return _refused(404, "not_found", "The requested endpoint does not exist.")
        if len(headers.get("idempotency-key", "")) > 256:
            return _refused(400, "invalid_idempotency_key", "The key must be between 1-256 chars.")
        return None

    def _taken(self, target: str, headers: Mapping[str, str], document: Any) -> Taken | Refused:
        if target == "/emails":
            if mistake := _mistake(document, in_batch=False):
                return _refused(422, *mistake)
            return Taken(_recipients(document), orjson.dumps({"id": str(uuid4())}))
        if not isinstance(document, list) or not 1 <= len(document) <= _MOST_MESSAGES:
            return _refused(422, "validation_error", "The batch must have between 1 and 100 emails.")
        mistakes = [_mistake(each, in_batch=True) for each in document]
        if headers.get("x-batch-validation") != "permissive" and (first := next(filter(None, mistakes), None)):
            return _refused(422, *first)
        good = [each for each, mistake in zip(document, mistakes, strict=True) if mistake is None]
        answer: dict[str, Any] = {"data": [{"id": str(uuid4())} for _ in good]}
        if len(good) < len(document):
            wrong = [(index, mistake) for index, mistake in enumerate(mistakes) if mistake is not None]
            answer["errors"] = [{"index": index, "message": mistake[1]} for index, mistake in wrong]
        return Taken([address for each in good for address in _recipients(each)], orjson.dumps(answer))


def signed_callbacks(
    events: Sequence[ProviderEvent | InboundSms], *, url: str, key: str, at: datetime
) -> list[Callback]:
    """See SignsCallbacks: a request for each event. It has none for who unsubscribes."""
    signer = Webhook(key)
    return [_callback(event, url, signer, at) for event in of_messages(events) if event.kind in _EVENTS]


def _callback(event: ProviderEvent, url: str, signer: Webhook, at: datetime) -> Callback:
    id_ = f"msg_{fingerprint(event)[:27]}"
    body = orjson.dumps(_document(event))
    headers = {
        "content-type": "application/json",
        "user-agent": "Svix-Webhooks/1.24.0",
        "svix-id": id_,
        "svix-timestamp": str(int(at.timestamp())),
        "svix-signature": signer.sign(id_, at, body.decode()),
    }
    return Callback(url, headers, body, at)


def _document(event: ProviderEvent) -> dict[str, Any]:
    at = event.occurred_at.isoformat()
    data: dict[str, Any] = {
        "created_at": at,
        "email_id": event.provider_ref or str(uuid4()),
        "from": "Acme <onboarding@resend.dev>",
        "to": [event.recipient],
        "subject": "Sending this example",
        "tags": {"exosend-id": str(event.message_id)},
    }
    seen = {"ipAddress": said(event, "ip"), "timestamp": at, "userAgent": said(event, "user_agent")}
    if event.kind is ReportKind.CLICKED:
        data["click"] = {"link": said(event, "url"), **seen}
    elif event.kind is ReportKind.OPENED:
        data["open"] = seen
    elif event.kind is ReportKind.BOUNCED:
        type_, subtype = ("Permanent", "General") if is_hard(event) else ("Transient", "MailboxFull")
        data["bounce"] = {"type": type_, "subType": subtype, "message": said(event, "reason", "It was not taken.")}
    return {"type": _EVENTS[event.kind], "created_at": at, "data": data}


def _recipients(message: dict[str, Any]) -> list[str]:
    to = message["to"]
    return [parseaddr(each)[1] for each in (to if isinstance(to, list) else [to])]


def _mistake(message: dict[str, Any], *, in_batch: bool) -> tuple[str, str] | None:
    missing = [name for name in ("from", "to", "subject") if not message.get(name)]
    if missing:
        return "missing_required_field", f"Missing `{missing[0]}` field."
    wrong = {
        "Invalid `from` field. The email address needs to follow the `email@example.com` or `Name <email@example.com>` "
        "format.": "@" not in parseaddr(message["from"])[1],
        "Invalid `to` field. The email address needs to follow the `email@example.com` or `Name <email@example.com>` "
        "format.": not all("@" in address for address in _recipients(message)),
        "Missing `html` or `text` field.": not message.get("html") and not message.get("text"),
        "Tags should only contain ASCII letters, numbers, underscores, or dashes.": not all(
            _TAG.fullmatch(tag[part]) for tag in message.get("tags", []) for part in ("name", "value")
        ),
        "Attachments are not supported in batches.": in_batch and bool(message.get("attachments")),
    }
    return next((("validation_error", text) for text, is_so in wrong.items() if is_so), None)


def _refused(status: int, name: str, text: str) -> Refused:
    return Refused(status, orjson.dumps({"statusCode": status, "message": text, "name": name}))
