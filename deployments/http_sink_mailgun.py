"""Mailgun's messages and messages.mime as they are documented (the pages: tasks/providers/vendors/mailgun.py)."""

import base64
import hashlib
import hmac
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from email.utils import parseaddr
from itertools import count
from typing import Any

import orjson

from deployments import http_sink_domains
from deployments.http_sink_events import fingerprint, is_hard, of_messages, said
from deployments.http_sink_protocol import Answered, Refused, Taken
from models.rules.reports import ReportKind
from tasks.providers.callbacks import Callback, InboundSms, ProviderEvent

_TARGET = re.compile(r"/v3/([A-Za-z0-9.-]+)/(messages|messages\.mime)", re.ASCII)
_ADDRESS = re.compile(r"[^@\s,;<>]+@[A-Za-z0-9.-]+", re.ASCII)
_NAME = re.compile(rb'name="([^"]+)"')
_PLACE = re.compile(r"%recipient\.([A-Za-z0-9_-]+)%")
_MOST_RECIPIENTS = 1000
_MOST_OPTION_BYTES = 16 * 1024

Fields = Mapping[str, list[bytes]]


class MailgunApi:
    """One account, ("api", key). `kept`: what each recipient got, by the names of fields, where it is wanted."""

    def __init__(self, account: tuple[str, str]) -> None:
        self._authorization = "Basic " + base64.b64encode(":".join(account).encode()).decode()
        self._numbers = count(1)
        self.domains = http_sink_domains.Domains()
        self.kept: dict[str, dict[str, str]] | None = None

    def handle(self, target: str, headers: Mapping[str, str], body: bytes) -> Taken | Refused:
        """See Api."""
        found = _TARGET.fullmatch(target)
        if headers.get("authorization") != self._authorization:
            return Refused(401, b"Forbidden")
        if found is None:
            return Refused(404, self.error(404, "Domain not found"))
        fields = _fields(headers.get("content-type", ""), body)
        recipients = [parseaddr(value.decode())[1] for value in fields.get("to", [])]
        if mistake := _mistake(fields, recipients, is_mime=found[2] == "messages.mime"):
            return Refused(400, self.error(400, mistake))
        if self.kept is not None:
            self.kept |= {recipient: _filled(fields, recipient) for recipient in recipients}
        id_ = f"<20261123.{next(self._numbers)}@{found[1]}>"
        return Taken(recipients, orjson.dumps({"id": id_, "message": "Queued. Thank you."}))

    def manage(self, method: str, target: str, headers: Mapping[str, str], body: bytes) -> Answered | None:
        """See Api."""
        if not target.startswith(("/v3/domains", "/v4/domains")):
            return None
        if headers.get("authorization") != self._authorization:
            return Answered(401, b"Forbidden")
        return http_sink_domains.mailgun(self.domains, method, target, body)

    def error(self, status: int, text: str) -> bytes:
        """See Api."""
        del status
        return orjson.dumps({"message": text})


def signed_callbacks(
    events: Sequence[ProviderEvent | InboundSms], *, url: str, key: str, at: datetime
) -> list[Callback]:
    """See SignsCallbacks: a request for each event; its time and a token are signed."""
    return [_callback(event, url, key, at) for event in of_messages(events)]


def _callback(event: ProviderEvent, url: str, key: str, at: datetime) -> Callback:
    stamp, token = str(int(at.timestamp())), fingerprint(event)[:50]
    signature = hmac.new(key.encode(), f"{stamp}{token}".encode(), hashlib.sha256).hexdigest()
    document = {
        "signature": {"timestamp": stamp, "token": token, "signature": signature},
        "event-data": _told(event),
    }
    return Callback(url, {"content-type": "application/json"}, orjson.dumps(document), at)


def _told(event: ProviderEvent) -> dict[str, Any]:
    kind = event.kind
    told: dict[str, Any] = {
        "event": "failed" if kind is ReportKind.BOUNCED else kind.value,
        "id": fingerprint(event)[:22],
        "timestamp": event.occurred_at.timestamp(),
        "recipient": event.recipient,
        "message": {"headers": {"message-id": event.provider_ref}},
        "user-variables": {"exosend-id": str(event.message_id)},
        "tags": [],
    }
    if kind is ReportKind.BOUNCED:
        status = {"code": 550, "enhanced-code": "5.1.1", "message": said(event, "reason", "5.1.1 unknown user")}
        told |= {
            "severity": "permanent",
            "reason": "bounce" if is_hard(event) else "old",
            "delivery-status": status,
        }
    elif kind in {ReportKind.OPENED, ReportKind.CLICKED}:
        bot = "apple" if event.payload.get("proxy") is True else ""
        told |= {
            "ip": said(event, "ip"),
            "client-info": {"user-agent": said(event, "user_agent"), "device-type": "desktop", "bot": bot},
            "url": said(event, "url"),
        }
    return told


def _fields(content_type: str, body: bytes) -> Fields:
    kind, _, boundary = content_type.partition("; boundary=")
    fields: dict[str, list[bytes]] = defaultdict(list)
    if kind == "multipart/form-data":
        for part in body.split(b"--" + boundary.encode("ascii"))[1:-1]:
            head, _, value = part.partition(b"\r\n\r\n")
            if name := _NAME.search(head):
                fields[name[1].decode()].append(value.removesuffix(b"\r\n"))
    return fields


def _mistake(fields: Fields, recipients: list[str], *, is_mime: bool) -> str | None:
    """What it says is wrong."""
    needed = ("to", "message") if is_mime else ("from", "to")
    options = sum(len(value) for name, values in fields.items() if name[1:2] == ":" for value in values)
    wrong = {
        "'to' parameter is not a valid address. please check documentation": not all(
            map(_ADDRESS.fullmatch, recipients)
        ),
        "Too many recipients; max is 1000": len(recipients) > _MOST_RECIPIENTS,
        "Send options are limited to 16 kB total": options > _MOST_OPTION_BYTES,
        "Need at least one of 'text' or 'html' parameters specified": not (
            is_mime or "text" in fields or "html" in fields
        ),
        "recipient-variables must be a JSON object": _variables(fields) is None,
    }
    missing = [f"{name} parameter is missing" for name in needed if not fields.get(name)]
    return next(iter(missing + [text for text, is_so in wrong.items() if is_so]), None)


def _variables(fields: Fields) -> dict[str, Any] | None:
    try:
        decoded = orjson.loads(fields.get("recipient-variables", [b"{}"])[0])
    except orjson.JSONDecodeError:
        return None
    return decoded if isinstance(decoded, dict) else None


def _filled(fields: Fields, recipient: str) -> dict[str, str]:
    own = (_variables(fields) or {}).get(recipient, {})
    names = ("from", "subject", "text", "html", "message", "h:Reply-To", "v:exosend-id")
    texts = {name: fields[name][0].decode() for name in names if fields.get(name)}
    texts["to"] = next(to for to in (value.decode() for value in fields["to"]) if parseaddr(to)[1] == recipient)
    if "recipient-variables" not in fields:
        return texts
    return {
        name: _PLACE.sub(lambda place: str(own[place[1]]) if place[1] in own else place[0], value)
        for name, value in texts.items()
    }
