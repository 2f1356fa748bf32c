"""Vonage's Messages API as it is documented (the pages are named in tasks/providers/vendors/vonage.py)."""

import base64
import hashlib
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import count
from uuid import UUID

import orjson

from deployments.http_sink_protocol import Answered, Refused, Taken
from models.rules.reports import ReportKind
from tasks.providers.callbacks import Callback, InboundSms, ProviderEvent
from tasks.providers.json_web_token import signed_hs256

_NUMBER = re.compile(r"[1-9][0-9]{6,14}", re.ASCII)
_MOST_CHARACTERS = 1000
_TARGET = "/v1/messages"
_ERRORS = "https://developer.vonage.com/api-errors"
_NEEDED = {"message_type": "text", "channel": "sms"}


class VonageApi:
    """One account, (key, secret)."""

    def __init__(self, account: tuple[str, str]) -> None:
        self._authorization = "Basic " + base64.b64encode(":".join(account).encode()).decode()
        self._numbers = count(1)

    def handle(self, target: str, headers: Mapping[str, str], body: bytes) -> Taken | Refused:
        """See Api."""
        if headers.get("authorization") != self._authorization:
            return self._refused(401, "unauthorized", "Unauthorized", "You did not provide correct credentials.")
        if target != _TARGET:
            return self._refused(404, "not-found", "Not Found", "The requested resource does not exist.")
        try:
            fields = orjson.loads(body)
        except orjson.JSONDecodeError:
            fields = {}
        if mistake := _mistake(fields):
            return self._refused(422, "messages#1020", "Invalid params", mistake)
        answer = {"message_uuid": str(UUID(int=next(self._numbers)))}
        return Taken([f"+{fields['to']}"], orjson.dumps(answer), 202)

    def manage(self, method: str, target: str, headers: Mapping[str, str], body: bytes) -> Answered | None:
        """See Api."""
        del body
        if (method, target) != ("GET", "/account/get-balance"):
            return None
        if headers.get("authorization") != self._authorization:
            return Answered(401, orjson.dumps({"error-code": "401", "error-code-label": "authentication failed"}))
        return Answered(200, orjson.dumps({"value": 10.28, "autoReload": False}))

    def error(self, status: int, text: str) -> bytes:
        """See Api."""
        return self._refused(status, "messages#1000" if status == 429 else "messages#1030", "Error", text).answer

    def _refused(self, status: int, kind: str, title: str, detail: str) -> Refused:
        problem = {"type": f"{_ERRORS}/{kind}", "title": title, "detail": detail, "instance": "bf0ca0bf927b3b52"}
        return Refused(status, orjson.dumps(problem))


def _mistake(fields: Mapping[str, object]) -> str | None:
    """What it says is wrong with the fields."""
    if wrong := [name for name, value in _NEEDED.items() if fields.get(name) != value]:
        return f"Invalid value for {wrong[0]}"
    if missing := [name for name in ("to", "from", "text") if not fields.get(name)]:
        return f"{missing[0]} is required"
    if not _NUMBER.fullmatch(str(fields["to"])):
        return "to must be a number in E.164 without +"
    if len(str(fields["text"])) > _MOST_CHARACTERS:
        return f"text must not have more than {_MOST_CHARACTERS} characters"
    return "client_ref is longer than 100" if len(str(fields.get("client_ref", ""))) > 100 else None


_STATUSES = {
    ReportKind.DELIVERED: "delivered",
    ReportKind.FAILED: "undeliverable",
    ReportKind.EXPIRED: "rejected",
}


def signed_callbacks(
    events: Sequence[ProviderEvent | InboundSms], *, url: str, key: str, at: datetime
) -> list[Callback]:
    """See SignsCallbacks: a request for each event. It has no status of its own for what expired."""
    return [_signed(orjson.dumps(_said(event)), url, key, at) for event in events]


def _said(event: ProviderEvent | InboundSms) -> dict[str, object]:
    said = {"channel": "sms", "timestamp": event.occurred_at.isoformat().replace("+00:00", "Z")}
    if isinstance(event, InboundSms):
        ends = {"to": event.recipient.removeprefix("+"), "from": event.sender.removeprefix("+")}
        return {**said, **ends, "message_uuid": event.key, "message_type": "text", "text": event.text}
    status: dict[str, object] = {
        **said,
        "message_uuid": event.provider_ref,
        "to": (event.recipient or "").removeprefix("+"),
        "from": "EXOSMS",
        "status": _STATUSES[event.kind],
    }
    if event.message_id is not None:
        status["client_ref"] = str(event.message_id)
    if event.payload:
        code = event.payload.get("code", "1330")
        status["error"] = {"type": f"{_ERRORS}/messages#{code}", "title": code, "detail": event.payload.get("reason")}
    return status


def _signed(body: bytes, url: str, key: str, at: datetime) -> Callback:
    claims = {
        "iat": int(at.timestamp()),
        "jti": hashlib.sha256(body).hexdigest()[:32],
        "iss": "Vonage",
        "payload_hash": hashlib.sha256(body).hexdigest(),
        "api_key": "abcd1234",
    }
    headers = {"authorization": f"Bearer {signed_hs256(claims, key)}", "content-type": "application/json"}
    return Callback(url, headers, body, at)
