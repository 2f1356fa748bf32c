"""SMS by Infobip's SMS API v3: up to 100 messages in a call, each with an answer of its own.

The account is `infobip://app:<API key>@<base URL of the account, xxxxx.api.infobip.com>`.

No limit of messages in a call is documented. 100 is how many delivery reports it puts into one request by default, and
keeps small what a broken connection leaves in doubt.

Its callbacks carry HTTP Basic: the account's callback keys are each `user:password`, as in the security settings of its
subscription. It offers HMAC as well, and its public pages do not say which header holds it or what it covers; OAuth
says nothing of the body either.

Where its words are from, as read in November 2026:
- fields and answers: https://www.infobip.com/docs/api/channels/sms/outbound-sms/send-sms-messages
- statuses, which of them are final: https://www.infobip.com/docs/developer-resources/api-fundamentals/message-status-codes
- their names: https://www.infobip.com/docs/essentials/api-essentials/response-status-and-error-codes
- delivery reports: https://www.infobip.com/docs/api/channels/sms/sms-messaging/logs-and-status-reports/receive-outbound-sms-message-report-v3
- inbound: https://www.infobip.com/docs/api/channels/sms/inbound-sms/receive-inbound-sms-messages
- security of callbacks: https://www.infobip.com/docs/api/platform/subscriptions-api/create-security-settings
- the balance: https://www.infobip.com/docs/api/platform/account-management/get-account-balance
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import orjson

from models.errors import SetupError
from models.rules.reports import ReportKind
from tasks.providers.account import ProviderAccount
from tasks.providers.api_call import ApiRequest
from tasks.providers.base import Capabilities, OutcomeKind, OutgoingMessage
from tasks.providers.callback_fields import (
    check_basic,
    json_object,
    moment,
    needed,
    object_at,
    our_id,
    payload,
    phone_number,
    text_of,
)
from tasks.providers.callbacks import Callback, InboundSms, ProviderEvent, UnreadableCallback
from tasks.providers.http_exchange import Answer, Request
from tasks.providers.http_provider import Call, HttpProvider, Meaning, Vendor, json_of, text_at

CHANNEL = "sms"
CAPABILITIES = Capabilities(messages_per_call=500, idempotent=False, answer_timeout_seconds=60)

_TARGET = "/sms/3/messages"
_A_CALL = 100
_JSON = (("Content-Type", "application/json"), ("Accept", "application/json"))

# Groups of statuses. 0 and 1: it took the message, and something is to come.
_PENDING, _UNDELIVERABLE, _DELIVERED, _EXPIRED, _REJECTED = 1, 2, 3, 4, 5
_TAKEN = {0, _PENDING, _DELIVERED}
_REPORTS = {
    _UNDELIVERABLE: ReportKind.FAILED,
    _DELIVERED: ReportKind.DELIVERED,
    _EXPIRED: ReportKind.EXPIRED,
    _REJECTED: ReportKind.FAILED,
}
_NOT_FINAL = {"DELIVERED_TO_OPERATOR"}

# Refusals that say something else than "never".
_REFUSALS = {
    "REJECTED_NOT_ENOUGH_CREDITS": OutcomeKind.UNSENT,
    "REJECTED_SYSTEM_ERROR": OutcomeKind.DEFERRED,  # "retry submission"
    "REJECTED_FLOODING_FILTER": OutcomeKind.DEFERRED,  # too many to one number within the hour
}


def open_provider(account: ProviderAccount) -> HttpProvider:
    """The provider for an account. Raises SetupError."""
    return HttpProvider(Infobip(account))


class Infobip(Vendor):
    """See the module."""

    def __init__(self, account: ProviderAccount) -> None:
        if not account.host:
            raise SetupError("infobip: the host is the base URL of the account, such as xxxxx.api.infobip.com.")
        self.name = "infobip"
        self.capabilities = replace(CAPABILITIES, answer_timeout_seconds=2 * account.timeout)
        self.server = account.server(account.host, (("Authorization", f"App {account.secret}"), *_JSON))
        self.secrets = (account.secret,)
        self._callback_url = account.callback_url

    def calls(self, messages: Sequence[OutgoingMessage]) -> list[Call]:
        return [
            Call(Request(_TARGET, _body([messages[place] for place in places], self._callback_url)), places)
            for places in _grouped(len(messages))
        ]

    def references(self, answer: Answer, messages: Sequence[OutgoingMessage]) -> Sequence[str | Meaning] | None:
        document = json_of(answer)
        told = document.get("messages") if isinstance(document, dict) else None
        if not isinstance(told, list) or len(told) != len(messages):
            return None
        if any(
            not isinstance(each, dict) or text_at(each, "destination").lstrip("+") != message.recipient.lstrip("+")
            for each, message in zip(told, messages, strict=True)
        ):
            return None  # whose answer is whose is not certain
        return [_verdict(each) for each in told]

    def check(self) -> ApiRequest:
        return ApiRequest("GET", "/account/1/balance")

    def meaning(self, answer: Answer) -> Meaning:
        document = json_of(answer)
        older = document.get("requestError") if isinstance(document, dict) else None
        exception = older.get("serviceException") if isinstance(older, dict) else None
        code = text_at(document, "errorCode") or text_at(exception, "messageId")
        return Meaning(None, code or None, text_at(document, "description") or text_at(exception, "text"))


def _grouped(count: int) -> list[range]:
    """Places of messages that go in one call."""
    return [range(begin, min(begin + _A_CALL, count)) for begin in range(0, count, _A_CALL)]


def _body(messages: Sequence[OutgoingMessage], callback_url: str | None) -> bytes:
    return orjson.dumps({"messages": [_message(message, callback_url) for message in messages]})


def _message(message: OutgoingMessage, callback_url: str | None) -> dict[str, object]:
    webhooks: dict[str, object] = {"callbackData": str(message.id), "contentType": "application/json"}
    if callback_url is not None:
        webhooks["delivery"] = {"url": callback_url}
    return {
        "sender": message.sender.removeprefix("+"),
        "destinations": [{"to": message.recipient.removeprefix("+")}],
        "content": {"text": message.content.decode()},
        "webhooks": webhooks,
    }


def _verdict(told: Mapping[str, Any]) -> str | Meaning:
    status = told.get("status")
    group, name = _status(status)
    reference = text_at(told, "messageId")
    if group in _TAKEN and reference:
        return reference
    if group in _TAKEN or group is None:
        return Meaning(OutcomeKind.UNCERTAIN, None, "no word that is documented")
    return Meaning(_REFUSALS.get(name, OutcomeKind.REJECTED), name or str(group), text_at(status, "description"))


def _status(status: object) -> tuple[int | None, str]:
    group = status.get("groupId") if isinstance(status, dict) else None
    return group if isinstance(group, int) and not isinstance(group, bool) else None, text_at(status, "name")


def read_callback(callback: Callback, keys: Sequence[str]) -> list[ProviderEvent | InboundSms]:
    """See ReadsCallbacks. `keys` are user:password."""
    check_basic(callback, keys)
    results = json_object(callback.body).get("results")
    if not isinstance(results, list) or not all(isinstance(each, dict) for each in results):
        raise UnreadableCallback("The field results is not a list of objects.")
    return [found for each in results if (found := _read(each)) is not None]


def _read(said: Mapping[str, object]) -> ProviderEvent | InboundSms | None:
    reference, recipient = needed(said, "messageId"), phone_number(needed(said, "to"))
    if "status" not in said:
        sender, at = phone_number(needed(said, "from")), moment(said.get("receivedAt"))
        return InboundSms(reference, at, sender, recipient, text_of(said.get("text")))
    group, name = _status(said["status"])
    kind = _REPORTS.get(group) if group is not None else None
    if kind is None or name in _NOT_FINAL:
        return None
    at, ours = moment(said.get("doneAt")), our_id(said.get("callbackData"))
    why = {} if kind is ReportKind.DELIVERED else _why(said)
    return ProviderEvent(f"{reference}:{name or group}", kind, at, ours, reference, recipient, why)


def _why(said: Mapping[str, object]) -> dict[str, object]:
    error = object_at(said, "error")
    source = error if text_of(error.get("name")) not in ("", "NO_ERROR") else object_at(said, "status")
    return payload(code=text_of(source.get("name")), reason=text_of(source.get("description")))
