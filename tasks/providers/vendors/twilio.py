"""SMS by Twilio's Messages resource: one call for each message.

The account is `twilio://AC…:auth_token@api.twilio.com`, or with an API key `twilio://SK…:secret@api.twilio.com/AC…`.

Where its words are from, as read in November 2026:
- fields and answer: https://www.twilio.com/docs/messaging/api/message-resource
- errors as JSON {code, message, more_info, status}: https://www.twilio.com/docs/usage/twilios-response
- which statuses may be sent again: https://support.twilio.com/hc/en-us/articles/48916449686299
- a request that gets 429 was not processed: https://www.twilio.com/docs/api/errors/20429
- the codes, each at https://www.twilio.com/docs/api/errors/<code>
- callbacks: https://www.twilio.com/docs/messaging/guides/outbound-message-status-in-status-callbacks
- inbound: https://www.twilio.com/docs/messaging/guides/webhook-request
- signatures: https://www.twilio.com/docs/usage/security (the key is the auth token, also where an API key sends)

Each message names its own StatusCallback, with our id in the query, which the signature covers. Twilio signs no time:
what comes again has the same key. A callback says no hour at which something happened, so it is that of its arrival.
- the account: https://www.twilio.com/docs/iam/api/account
"""

import base64
import hashlib
import hmac
import re
from collections.abc import Sequence
from dataclasses import replace
from urllib.parse import parse_qs, parse_qsl, quote, urlencode, urlsplit, urlunsplit

from models.errors import SetupError
from models.rules.reports import ReportKind
from tasks.providers.account import ProviderAccount
from tasks.providers.api_call import ApiRequest
from tasks.providers.base import Capabilities, OutcomeKind, OutgoingMessage
from tasks.providers.callback_fields import is_any, needed, our_id, payload, phone_number
from tasks.providers.callbacks import Callback, ForgedCallback, InboundSms, ProviderEvent, UnreadableCallback
from tasks.providers.http_exchange import Answer, Request
from tasks.providers.http_provider import Call, HttpProvider, Meaning, Vendor, basic, json_of, text_at

CHANNEL = "sms"
CAPABILITIES = Capabilities(messages_per_call=500, idempotent=False, answer_timeout_seconds=60)

_HOST = "api.twilio.com"
_FORM = (("Content-Type", "application/x-www-form-urlencoded"), ("Accept", "application/json"))
_ACCOUNT_SID = re.compile(r"AC[0-9a-fA-F]{32}", re.ASCII)
_MESSAGE_SID = re.compile(r"[SM]M[0-9a-fA-F]{32}", re.ASCII)

# A message may be refused in an answer that says 201.
_REFUSED = {"failed", "undelivered", "canceled"}

# Codes that say something else than their status does.
_CODES = {
    20003: OutcomeKind.UNSENT,  # the credentials are wrong
    20005: OutcomeKind.UNSENT,  # the account is not active
    20429: OutcomeKind.DEFERRED,  # too many requests at once
    21408: OutcomeKind.REJECTED,  # no permission to send to this region
    21610: OutcomeKind.REJECTED,  # the recipient has said STOP
    21611: OutcomeKind.DEFERRED,  # the sender's queue is full
}
_MESSAGE_ID = "message_id"  # in the query of a StatusCallback

# Of queued, accepted, scheduled, sending and sent there is nothing to say: something is still to come.
_STATUSES = {
    "delivered": ReportKind.DELIVERED,
    "read": ReportKind.DELIVERED,
    "undelivered": ReportKind.FAILED,
    "failed": ReportKind.FAILED,
    "canceled": ReportKind.FAILED,
}
_EXPIRED = "30036"  # the validity period is over
_RECEIVED = {"received", "receiving"}

# Its support names 500, 502, 503 and 504 as what may be sent again; only of 429 is it said that nothing was done. So of
# the others the status itself decides: a second SMS is worse than a late one.


def open_provider(account: ProviderAccount) -> HttpProvider:
    """The provider for an account. Raises SetupError."""
    return HttpProvider(Twilio(account))


class Twilio(Vendor):
    """See the module."""

    def __init__(self, account: ProviderAccount) -> None:
        sid = account.path or account.user
        if not _ACCOUNT_SID.fullmatch(sid):
            raise SetupError(
                "twilio: the user is an Account SID (AC and 32 hexadecimal digits), or stands in the path."
            )
        self.name = "twilio"
        self.capabilities = replace(CAPABILITIES, answer_timeout_seconds=2 * account.timeout)
        self.server = account.server(_HOST, (basic(account.user, account.secret), *_FORM))
        self.secrets = (account.secret,)
        self._callback_url = account.callback_url
        self._target = f"/2010-04-01/Accounts/{quote(sid, safe='')}/Messages.json"

    def calls(self, messages: Sequence[OutgoingMessage]) -> list[Call]:
        return [
            Call(Request(self._target, _form(message, self._callback_url)), [place])
            for place, message in enumerate(messages)
        ]

    def references(self, answer: Answer, messages: Sequence[OutgoingMessage]) -> Sequence[str] | None:
        del messages
        document = json_of(answer)
        sid = text_at(document, "sid")
        return [sid] if _MESSAGE_SID.fullmatch(sid) and text_at(document, "status") not in _REFUSED else None

    def check(self) -> ApiRequest:
        return ApiRequest("GET", self._target.removesuffix("/Messages.json") + ".json")

    def meaning(self, answer: Answer) -> Meaning:
        document = json_of(answer)
        if text_at(document, "status") in _REFUSED:
            return Meaning(OutcomeKind.REJECTED, _code(document, "error_code"), text_at(document, "error_message"))
        code = _code(document, "code")
        kind = _CODES.get(int(code)) if code is not None and answer.status >= 400 else None
        return Meaning(kind, code, text_at(document, "message"))


def _form(message: OutgoingMessage, callback_url: str | None) -> bytes:
    fields = {"To": message.recipient, "From": message.sender, "Body": message.content.decode()}
    if callback_url is not None:
        fields["StatusCallback"] = f"{callback_url}?{_MESSAGE_ID}={message.id}"
    return urlencode(fields).encode("ascii")


def _code(document: object, key: str) -> str | None:
    value = document.get(key) if isinstance(document, dict) else None
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else None


def read_callback(callback: Callback, keys: Sequence[str]) -> list[ProviderEvent | InboundSms]:
    """See ReadsCallbacks. `keys` are auth tokens."""
    fields = _fields(callback)
    if not _is_signed(callback, fields, keys):
        raise ForgedCallback("The signature is missing or wrong.")
    values = {name: value for name, value in fields if value}
    sid = values.get("MessageSid") or needed(values, "SmsSid")
    status = values.get("MessageStatus") or values.get("SmsStatus", "")
    if status in _RECEIVED:
        sender, recipient = (phone_number(needed(values, name)) for name in ("From", "To"))
        return [InboundSms(sid, callback.received_at, sender, recipient, values.get("Body", ""))]
    if not status:
        raise UnreadableCallback("The field MessageStatus is missing.")
    code = values.get("ErrorCode")
    kind = ReportKind.EXPIRED if code == _EXPIRED else _STATUSES.get(status)
    if kind is None:
        return []
    said = payload(code=code, reason=values.get("ErrorMessage"))
    given = parse_qs(urlsplit(callback.url).query).get(_MESSAGE_ID, [""])[0]
    return [ProviderEvent(f"{sid}:{status}", kind, callback.received_at, our_id(given), sid, values.get("To"), said)]


def _fields(callback: Callback) -> list[tuple[str, str]]:
    try:
        return parse_qsl(callback.body.decode("ascii"), keep_blank_values=True, encoding="utf-8", errors="strict")
    except UnicodeDecodeError:
        raise ForgedCallback("The body is not a form.") from None


def _is_signed(callback: Callback, fields: Sequence[tuple[str, str]], keys: Sequence[str]) -> bool:
    """The address and each field's name and value, by name, under HMAC-SHA1. It may have signed the address with the
    port that goes without saying, or without it."""
    said = "".join(name + value for name, value in sorted(set(fields)))
    given = callback.headers.get("x-twilio-signature", "")
    return is_any(given, [signature(key, url + said) for key in keys for url in _spellings(callback.url)])


def _spellings(url: str) -> list[str]:
    parts = urlsplit(url)
    port = {"https": 443, "http": 80}.get(parts.scheme)
    if port is None or parts.port not in (None, port):
        return [url]
    bare = parts.netloc.removesuffix(f":{port}")
    return [urlunsplit(parts._replace(netloc=netloc)) for netloc in (bare, f"{bare}:{port}")]


def signature(token: str, said: str) -> str:
    """X-Twilio-Signature of what is signed."""
    return base64.b64encode(hmac.new(token.encode(), said.encode(), hashlib.sha1).digest()).decode("ascii")
