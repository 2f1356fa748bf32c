"""SMS by Vonage's Messages API: one call for each message.

The account is `vonage://api_key:api_secret@api.nexmo.com`, or with an application and its private key, as Vonage
recommends, `vonage://<application id>:<key>@api.nexmo.com`, where <key> is what stands between the lines BEGIN and END
of its PEM file, in one line and with %2F for / and %2B for +.

Of its two ways to send an SMS this is the one it recommends for all that is new; the SMS API is kept for those who have
it. It decides: only here callbacks are signed with the time and a hash of the body. It takes 1,000 characters; of a
longer text it says 422.

Where its words are from, as read in November 2026:
- fields and answers: https://developer.vonage.com/en/api/messages
- why not the SMS API: https://developer.vonage.com/en/messages/guides/sms-migration-to-messages
- the codes: https://developer.vonage.com/en/api-errors and https://developer.vonage.com/en/api-errors/messages
- statuses: https://developer.vonage.com/en/messages/concepts/messages-status-callbacks
- signatures: https://developer.vonage.com/en/getting-started/concepts/webhooks (HS256, whatever the dashboard says)
- the balance: https://developer.vonage.com/en/account/code-snippets/account-balance
"""

import base64
import binascii
import time
from collections.abc import Sequence
from dataclasses import replace
from uuid import uuid4

import orjson
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_der_private_key

from models.errors import SetupError
from models.rules.reports import ReportKind
from tasks.providers.account import ProviderAccount
from tasks.providers.api_call import ApiRequest
from tasks.providers.base import Capabilities, OutcomeKind, OutgoingMessage
from tasks.providers.callback_fields import (
    json_object,
    moment,
    needed,
    object_at,
    our_id,
    payload,
    phone_number,
    text_of,
)
from tasks.providers.callbacks import Callback, InboundSms, ProviderEvent
from tasks.providers.http_exchange import Answer, Request
from tasks.providers.http_provider import Call, HttpProvider, Meaning, Vendor, basic, json_of, text_at
from tasks.providers.json_web_token import signed_rs256, verified_hs256

CHANNEL = "sms"
CAPABILITIES = Capabilities(messages_per_call=500, idempotent=False, answer_timeout_seconds=60)

_HOST = "api.nexmo.com"
_BALANCE_HOST = "rest.nexmo.com"
_TARGET = "/v1/messages"
_JSON = (("Content-Type", "application/json"), ("Accept", "application/json"))
_TOKEN_SECONDS = 900

# Codes that say something else than their status does: the end of the address that an error's `type` is.
_CODES = {
    "1000": OutcomeKind.DEFERRED,  # throttled
    "1060": OutcomeKind.UNSENT,  # the account is barred
    "1070": OutcomeKind.UNSENT,  # no credit
    "1080": OutcomeKind.UNSENT,  # the account may not send this way
    "1100": OutcomeKind.DEFERRED,  # "message was not submitted because there was a communication failure"
    "low-balance": OutcomeKind.UNSENT,
    "account-suspended": OutcomeKind.UNSENT,
    "unprovisioned": OutcomeKind.UNSENT,
}
_STATUSES = {402: OutcomeKind.UNSENT}

# Of submitted there is nothing to say. Its page has no status for a message that expired: it is rejected.
_REPORTS = {
    "delivered": ReportKind.DELIVERED,
    "read": ReportKind.DELIVERED,
    "rejected": ReportKind.FAILED,
    "undeliverable": ReportKind.FAILED,
}


def open_provider(account: ProviderAccount) -> HttpProvider:
    """The provider for an account. Raises SetupError."""
    return HttpProvider(Vonage(account))


class Vonage(Vendor):
    """See the module."""

    def __init__(self, account: ProviderAccount) -> None:
        self.name = "vonage"
        self.capabilities = replace(CAPABILITIES, answer_timeout_seconds=2 * account.timeout)
        self._application = account.user if our_id(account.user) else None
        self._key = _private_key(account.secret) if self._application else None
        credentials = () if self._application else (basic(account.user, account.secret),)
        self.server = account.server(_HOST, (*credentials, *_JSON))
        self.secrets = (account.secret,)
        self._callback_url = account.callback_url
        self._token: tuple[str, float] = ("", 0.0)  # and until when it is used, of time.time()

    def calls(self, messages: Sequence[OutgoingMessage]) -> list[Call]:
        headers = self._headers()
        return [
            Call(Request(_TARGET, _body(message, self._callback_url), headers), [place])
            for place, message in enumerate(messages)
        ]

    def references(self, answer: Answer, messages: Sequence[OutgoingMessage]) -> Sequence[str | Meaning] | None:
        del messages
        reference = text_at(json_of(answer), "message_uuid")
        return [reference] if reference else None

    def check(self) -> ApiRequest | None:
        """None for an application: its token is not for this API."""
        host = _BALANCE_HOST if self.server.host == _HOST else None
        return None if self._application else ApiRequest("GET", "/account/get-balance", host=host)

    def meaning(self, answer: Answer) -> Meaning:
        problem = json_of(answer)
        code = text_at(problem, "type").rpartition("#")[2]
        said = f"{text_at(problem, 'title')}: {text_at(problem, 'detail')}".strip(": ")
        return Meaning(_CODES.get(code, _STATUSES.get(answer.status)), code[:40] or None, said)

    def _headers(self) -> tuple[tuple[str, str], ...]:
        """A token where an application sends: signing one takes a millisecond, so it is used for some time."""
        if self._application is None or self._key is None:
            return ()
        now = time.time()
        token, until = self._token
        if now >= until:
            claims = {"application_id": self._application, "iat": int(now), "jti": str(uuid4())}
            token = signed_rs256({**claims, "exp": int(now) + _TOKEN_SECONDS}, self._key)
            self._token = (token, now + _TOKEN_SECONDS / 2)
        return (("Authorization", f"Bearer {token}"),)


def _private_key(text: str) -> RSAPrivateKey:
    try:
        key = load_der_private_key(base64.b64decode(text, validate=True), password=None)
    except (binascii.Error, ValueError, TypeError):
        key = None
    if not isinstance(key, RSAPrivateKey):
        raise SetupError("vonage: an application's secret is its RSA private key, the PEM file's lines as one.")
    return key


def _body(message: OutgoingMessage, callback_url: str | None) -> bytes:
    fields: dict[str, object] = {
        "message_type": "text",
        "channel": "sms",
        "to": message.recipient.removeprefix("+"),
        "from": message.sender.removeprefix("+"),
        "text": message.content.decode(),
        "client_ref": str(message.id),
        "sms": {"encoding_type": "auto"},
    }
    if callback_url is not None:
        fields |= {"webhook_url": callback_url, "webhook_version": "v1"}
    return orjson.dumps(fields)


def read_callback(callback: Callback, keys: Sequence[str]) -> list[ProviderEvent | InboundSms]:
    """See ReadsCallbacks. `keys` are signature secrets of the account."""
    verified_hs256(callback, keys)
    said = json_object(callback.body)
    reference, at = needed(said, "message_uuid"), moment(said.get("timestamp"))
    if "status" not in said:
        sender, recipient = (phone_number(needed(said, name)) for name in ("from", "to"))
        return [InboundSms(reference, at, sender, recipient, text_of(said.get("text")))]
    status = needed(said, "status")
    kind = _REPORTS.get(status)
    if kind is None:
        return []
    to = phone_number(text_of(said.get("to"))) or None
    error = object_at(said, "error")
    code = text_of(error.get("type")).rpartition("#")[2] or text_of(error.get("title"))
    why = payload(code=code, reason=text_of(error.get("detail")))
    return [ProviderEvent(f"{reference}:{status}", kind, at, our_id(said.get("client_ref")), reference, to, why)]
