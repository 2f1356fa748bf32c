"""Infobip's SMS API v3 as it is documented (the pages are named in tasks/providers/vendors/infobip.py)."""

import base64
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import count
from typing import Any

import orjson

from deployments.http_sink_protocol import Answered, Refused, Taken
from models.rules.reports import ReportKind
from tasks.providers.callbacks import Callback, InboundSms, ProviderEvent

_TARGET = "/sms/3/messages"
_NUMBER = re.compile(r"[1-9][0-9]{6,14}", re.ASCII)
_A_CALLBACK = 100  # reports in one request, by default

Status = dict[str, object]

_PENDING: Status = {"groupId": 1, "groupName": "PENDING", "id": 26, "name": "PENDING_ACCEPTED"}
_NO_PREFIX: Status = {"groupId": 5, "groupName": "REJECTED", "id": 8, "name": "REJECTED_PREFIX_MISSING"}
_REPORTS: dict[ReportKind, Status] = {
    ReportKind.DELIVERED: {"groupId": 3, "groupName": "DELIVERED", "id": 5, "name": "DELIVERED_TO_HANDSET"},
    ReportKind.FAILED: {"groupId": 2, "groupName": "UNDELIVERABLE", "id": 9, "name": "UNDELIVERABLE_NOT_DELIVERED"},
    ReportKind.EXPIRED: {"groupId": 4, "groupName": "EXPIRED", "id": 15, "name": "EXPIRED_EXPIRED"},
}
_NO_ERROR: Status = {"groupId": 0, "groupName": "OK", "id": 0, "name": "NO_ERROR", "description": "No Error"}


class InfobipApi:
    """One account, ("app", key)."""

    def __init__(self, account: tuple[str, str]) -> None:
        self._authorization = f"App {account[1]}"
        self._numbers = count(1)

    def handle(self, target: str, headers: Mapping[str, str], body: bytes) -> Taken | Refused:
        """See Api."""
        if headers.get("authorization") != self._authorization:
            return Refused(401, self.error(401, "Invalid login details"))
        if target != _TARGET:
            return Refused(404, self.error(404, "Requested URL not found"))
        try:
            messages = orjson.loads(body)["messages"]
        except (orjson.JSONDecodeError, KeyError, TypeError):
            messages = []
        if not messages or not all(map(_is_whole, messages)):
            return Refused(400, self.error(400, "Request cannot be processed."))
        told = [self._told(message["destinations"][0]["to"]) for message in messages]
        taken = [f"+{each['destination']}" for each in told if each["status"]["groupId"] == 1]
        return Taken(taken, orjson.dumps({"bulkId": "a28dd97c-2222-4fcf", "messages": told}))

    def manage(self, method: str, target: str, headers: Mapping[str, str], body: bytes) -> Answered | None:
        """See Api."""
        del body
        if (method, target) != ("GET", "/account/1/balance"):
            return None
        if headers.get("authorization") != self._authorization:
            return Answered(401, self.error(401, "Invalid login details"))
        return Answered(200, orjson.dumps({"balance": 20.12, "currency": "EUR"}))

    def error(self, status: int, text: str) -> bytes:
        """See Api."""
        return orjson.dumps({"errorCode": f"E{status}", "description": text, "action": "Check the request."})

    def _told(self, to: str) -> dict[str, Any]:
        status = _PENDING if _NUMBER.fullmatch(to) else _NO_PREFIX
        described = {**status, "description": "Message sent to next instance" if status is _PENDING else "No prefix"}
        reference = f"{next(self._numbers):020d}"
        return {"messageId": reference, "status": described, "destination": to, "details": {"messageCount": 1}}


def _is_whole(message: Any) -> bool:
    destinations = message.get("destinations")
    return bool(isinstance(destinations, list) and len(destinations) == 1 and message.get("content", {}).get("text"))


def signed_callbacks(
    events: Sequence[ProviderEvent | InboundSms], *, url: str, key: str, at: datetime
) -> list[Callback]:
    """See SignsCallbacks: a hundred events in a request. `key` is user:password."""
    headers = {
        "authorization": "Basic " + base64.b64encode(key.encode()).decode("ascii"),
        "content-type": "application/json",
    }
    said = [_said(event) for event in events]
    parts = [said[begin : begin + _A_CALLBACK] for begin in range(0, len(said), _A_CALLBACK)]
    return [Callback(url, headers, orjson.dumps({"results": part}), at) for part in parts]


def _said(event: ProviderEvent | InboundSms) -> dict[str, object]:
    at = event.occurred_at.strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + event.occurred_at.strftime("%z")
    to = (event.recipient or "").removeprefix("+")
    if isinstance(event, InboundSms):
        ends = {"from": event.sender.removeprefix("+"), "to": to}
        return {**ends, "messageId": event.key, "text": event.text, "receivedAt": at, "smsCount": 1}
    error = _NO_ERROR
    if event.payload:
        code, reason = event.payload.get("code"), event.payload.get("reason")
        error = {"groupId": 1, "groupName": "HANDSET_ERRORS", "id": 1, "name": code, "description": reason}
    return {
        "bulkId": "a28dd97c-2222-4fcf",
        "messageId": event.provider_ref,
        "to": to,
        "sentAt": at,
        "doneAt": at,
        "messageCount": 1,
        "status": _REPORTS[event.kind],
        "error": error,
        **({"callbackData": str(event.message_id)} if event.message_id is not None else {}),
    }
