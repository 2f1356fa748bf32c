"""Twilio's Messages resource as it is documented (the pages are named in tasks/providers/vendors/twilio.py)."""

import base64
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import count
from urllib.parse import parse_qs, urlencode

import orjson

from deployments.http_sink_protocol import Answered, Refused, Taken
from models.rules.reports import ReportKind
from tasks.providers.callbacks import Callback, InboundSms, ProviderEvent
from tasks.providers.vendors.twilio import signature

_NUMBER = re.compile(r"\+[1-9][0-9]{6,14}", re.ASCII)
_MOST_CHARACTERS = 1600


class TwilioApi:
    """One account, (sid, auth token)."""

    def __init__(self, account: tuple[str, str]) -> None:
        self._target = f"/2010-04-01/Accounts/{account[0]}/Messages.json"
        self._authorization = "Basic " + base64.b64encode(":".join(account).encode()).decode()
        self._numbers = count(1)

    def handle(self, target: str, headers: Mapping[str, str], body: bytes) -> Taken | Refused:
        """See Api."""
        if headers.get("authorization") != self._authorization:
            return self._refused(401, 20003, "Authenticate")
        if target != self._target:
            return self._refused(404, 20404, f"The requested resource {target} was not found")
        fields = {name: values[0] for name, values in parse_qs(body.decode("ascii"), keep_blank_values=True).items()}
        to, sender, text = (fields.get(name, "") for name in ("To", "From", "Body"))
        is_form = headers.get("content-type") == "application/x-www-form-urlencoded"
        if wrong := _mistake(to if is_form else "", sender, text):
            return self._refused(400, *wrong)
        answer = {
            "sid": f"SM{next(self._numbers):032x}",
            "status": "queued",
            "to": to,
            "from": sender,
            "body": text,
            "num_segments": "1",
            "error_code": None,
            "error_message": None,
            "price": None,
            "direction": "outbound-api",
        }
        return Taken([to], orjson.dumps(answer), 201)

    def manage(self, method: str, target: str, headers: Mapping[str, str], body: bytes) -> Answered | None:
        """See Api."""
        del body
        if (method, target) != ("GET", self._target.removesuffix("/Messages.json") + ".json"):
            return None
        if headers.get("authorization") != self._authorization:
            return Answered(401, self.error(401, "Authenticate"))
        return Answered(200, orjson.dumps({"friendly_name": "Acme", "status": "active", "type": "Full"}))

    def error(self, status: int, text: str) -> bytes:
        """See Api."""
        return self._refused(status, 20000 + status, text).answer

    def _refused(self, status: int, code: int, text: str) -> Refused:
        more = f"https://www.twilio.com/docs/errors/{code}"
        return Refused(status, orjson.dumps({"code": code, "message": text, "more_info": more, "status": status}))


def _mistake(to: str, sender: str, text: str) -> tuple[int, str] | None:
    """Code and text of what is wrong with the fields."""
    if not to:
        return 21604, "A 'To' phone number is required."
    if not _NUMBER.fullmatch(to):
        return 21211, f"The 'To' number {to} is not a valid phone number."
    if not sender:
        return 21603, "A 'From' phone number is required to send a Message."
    if not text:
        return 21602, "Message body is required."
    return (21617, "The message body exceeds the 1600 character limit.") if len(text) > _MOST_CHARACTERS else None


_STATUSES = {ReportKind.DELIVERED: "delivered", ReportKind.FAILED: "undelivered", ReportKind.EXPIRED: "undelivered"}


def signed_callbacks(
    events: Sequence[ProviderEvent | InboundSms], *, url: str, key: str, at: datetime
) -> list[Callback]:
    """See SignsCallbacks: a request for each event."""
    return [_signed(event, url, key, at) for event in events]


def _signed(event: ProviderEvent | InboundSms, url: str, key: str, at: datetime) -> Callback:
    fields = _said(event)
    if isinstance(event, ProviderEvent) and event.message_id is not None:
        url = f"{url}?message_id={event.message_id}"  # as it was told with the message
    said = url + "".join(name + value for name, value in sorted(fields.items()))
    headers = {
        "x-twilio-signature": signature(key, said),
        "content-type": "application/x-www-form-urlencoded; charset=UTF-8",
    }
    return Callback(url, headers, urlencode(fields).encode("ascii"), at)


def _said(event: ProviderEvent | InboundSms) -> dict[str, str]:
    account = {"AccountSid": "AC" + 32 * "0", "ApiVersion": "2010-04-01"}
    if isinstance(event, InboundSms):
        sids = {"MessageSid": event.key, "SmsSid": event.key, "SmsStatus": "received"}
        return {**account, **sids, "From": event.sender, "To": event.recipient, "Body": event.text, "NumMedia": "0"}
    code = "30036" if event.kind is ReportKind.EXPIRED else event.payload.get("code")
    return {
        **account,
        "MessageSid": event.provider_ref or "",
        "MessageStatus": _STATUSES[event.kind],
        "To": event.recipient or "",
        "From": "EXOSMS",
        **({"ErrorCode": str(code)} if code else {}),
    }
