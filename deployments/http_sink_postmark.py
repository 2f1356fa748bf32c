"""Postmark's email and email/batch as they are documented (the pages: tasks/providers/vendors/postmark.py)."""

import base64
import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from email.utils import parseaddr
from typing import Any
from uuid import uuid4

import orjson

from deployments import http_sink_domains
from deployments.http_sink_events import is_hard, of_messages, said
from deployments.http_sink_protocol import Answered, Refused, Taken
from models.rules.reports import ReportKind
from tasks.providers.callbacks import Callback, InboundSms, ProviderEvent

ACCOUNT_TOKEN = "token-of-the-account"  # noqa: S105  # the one that it asks for
_MOST_MESSAGES = 500
_MOST_BYTES = 50_000_000
_MOST_BYTES_OF_ONE = 10_000_000
_TYPES = {True: ("HardBounce", 1), False: ("SoftBounce", 4096)}


class PostmarkApi:
    """One server, ("server", token)."""

    def __init__(self, account: tuple[str, str]) -> None:
        self._token = account[1]
        self.domains = http_sink_domains.Domains()
        self.streams = {"outbound", "broadcast"}
        self.inactive: set[str] = set()  # recipients who bounced before

    def handle(self, target: str, headers: Mapping[str, str], body: bytes) -> Taken | Refused:
        """See Api."""
        if headers.get("x-postmark-server-token") != self._token:
            return Refused(401, _said(10, "The Server Token you provided is invalid."))
        limit = {"/email": _MOST_BYTES_OF_ONE, "/email/batch": _MOST_BYTES}.get(target)
        if limit is None or len(body) > limit:
            return Refused(404 if limit is None else 413, b"")
        document = orjson.loads(body)
        return self._single(document) if target == "/email" else self._batch(document)

    def manage(self, method: str, target: str, headers: Mapping[str, str], body: bytes) -> Answered | None:
        """See Api."""
        if (method, target) == ("GET", "/server"):
            if headers.get("x-postmark-server-token") != self._token:
                return Answered(401, _said(10, "The Server Token you provided is invalid."))
            return Answered(200, orjson.dumps({"ID": 1, "Name": "Staging Testing", "DeliveryType": "Live"}))
        if not target.startswith("/domains"):
            return None
        if headers.get("x-postmark-account-token") != ACCOUNT_TOKEN:
            return Answered(401, _said(10, "The Account Token you provided is invalid."))
        return http_sink_domains.postmark(self.domains, method, target, body)

    def error(self, status: int, text: str) -> bytes:
        """See Api."""
        return _said(300 if status == 422 else 0, text)

    def _single(self, document: dict[str, Any]) -> Taken | Refused:
        result = self._result(document)
        if result["ErrorCode"]:
            return Refused(422, _said(result["ErrorCode"], result["Message"]))
        return Taken([result["Address"]], orjson.dumps(_shown(result)))

    def _batch(self, document: Any) -> Taken | Refused:
        if not isinstance(document, list) or len(document) > _MOST_MESSAGES:
            return Refused(422, _said(410, "Batches can have at most 500 messages."))
        results = [self._result(each) for each in document]
        taken = [each["Address"] for each in results if not each["ErrorCode"]]
        return Taken(taken, orjson.dumps([_shown(each) for each in results]))

    def _result(self, message: dict[str, Any]) -> dict[str, Any]:
        address = parseaddr(str(message.get("To", "")))[1]
        found = self._mistake(message, address)
        if found is not None:
            return {"ErrorCode": found[0], "Message": found[1]}
        return {
            "To": message["To"],
            "SubmittedAt": "2026-11-23T09:00:00.0000000Z",
            "MessageID": str(uuid4()),
            "ErrorCode": 0,
            "Message": "OK",
            "Address": address,
        }

    def _mistake(self, message: dict[str, Any], address: str) -> tuple[int, str] | None:
        metadata = message.get("Metadata", {})
        wrong = {
            (300, "Invalid 'From' address."): "@" not in parseaddr(str(message.get("From", "")))[1],
            (300, f"Error parsing 'To': Illegal email address '{message.get('To')}'."): "@" not in address,
            (300, "Provide either email TextBody or HtmlBody or both."): not (
                message.get("TextBody") or message.get("HtmlBody")
            ),
            (300, "Invalid metadata content."): any(
                len(name) > 20 or len(value) > 80 for name, value in metadata.items()
            ),
            (1235, "The message stream does not exist."): message.get("MessageStream", "outbound") not in self.streams,
            (406, f"You tried to send to recipient(s) that have been marked as inactive: {address}."): address
            in self.inactive,
        }
        return next((mistake for mistake, is_so in wrong.items() if is_so), None)


def signed_callbacks(
    events: Sequence[ProviderEvent | InboundSms], *, url: str, key: str, at: datetime
) -> list[Callback]:
    """See SignsCallbacks: a request for each event, with the credentials of the webhook's URL."""
    authorization = "Basic " + base64.b64encode(key.encode()).decode()
    headers = {"content-type": "application/json", "user-agent": "Postmark", "authorization": authorization}
    return [Callback(url, headers, orjson.dumps(_record(event)), at) for event in of_messages(events)]


def _record(event: ProviderEvent) -> dict[str, Any]:
    at = event.occurred_at.isoformat()
    common = {
        "MessageStream": "outbound",
        "MessageID": event.provider_ref or "",
        "Metadata": {"exosend-id": str(event.message_id)},
        "Tag": "",
        "ServerID": 23,
    }
    seen = {
        "Recipient": event.recipient,
        "ReceivedAt": at,
        "UserAgent": said(event, "user_agent"),
        "Platform": "Desktop",
        "Geo": {"IP": said(event, "ip")},
    }
    match event.kind:
        case ReportKind.BOUNCED:
            type_, code = _TYPES[is_hard(event)]
            own: dict[str, Any] = {
                "RecordType": "Bounce",
                "ID": _number(event),
                "Type": type_,
                "TypeCode": code,
                "Email": event.recipient,
                "BouncedAt": at,
                "Details": said(event, "reason", "smtp;550 5.1.1 The account does not exist."),
                "Inactive": is_hard(event),
            }
        case ReportKind.COMPLAINED:
            own = {
                "RecordType": "SpamComplaint",
                "ID": _number(event),
                "Type": "SpamComplaint",
                "TypeCode": 100001,
                "Email": event.recipient,
                "BouncedAt": at,
                "Inactive": True,
            }
        case ReportKind.OPENED:
            own = {"RecordType": "Open", "FirstOpen": True, **seen}
        case ReportKind.CLICKED:
            own = {"RecordType": "Click", "ClickLocation": "HTML", "OriginalLink": said(event, "url"), **seen}
        case ReportKind.UNSUBSCRIBED:
            own = {
                "RecordType": "SubscriptionChange",
                "Recipient": event.recipient,
                "ChangedAt": at,
                "Origin": "Recipient",
                "SuppressSending": True,
                "SuppressionReason": "ManualSuppression",
            }
        case _:
            own = {
                "RecordType": "Delivery",
                "Recipient": event.recipient,
                "DeliveredAt": at,
                "Details": "Test delivery webhook details",
            }
    return common | own


def _number(event: ProviderEvent) -> int:
    return int.from_bytes(hashlib.sha256(f"{event.message_id}{event.kind}".encode()).digest()[:6])


def _shown(result: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in result.items() if name != "Address"}


def _said(code: int, text: str) -> bytes:
    return orjson.dumps({"ErrorCode": code, "Message": text})
