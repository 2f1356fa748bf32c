"""Email by Postmark: up to 500 messages in a call, each with an answer of its own.

The account is `postmark://server:token@api.postmarkapp.com`: the token is the server's. A message stream other than
`outbound` is named in the path: `postmark://server:token@api.postmarkapp.com/broadcast`. Where domains are to be
registered by us, the account's token stands for `server`: `postmark://account-token:server-token@api.postmarkapp.com`.

Postmark does not sign its webhooks, and sends the user and the password that its URL has (https://user:password@…). An
account's callback key is `user:password`.

Where its words are from, as read in November 2026:
- single emails and batches, their limits and answers: https://postmarkapp.com/developer/api/email-api
- statuses and error codes: https://postmarkapp.com/developer/api/overview#error-codes
- webhooks: https://postmarkapp.com/developer/webhooks/webhooks-overview
- types of bounces: https://postmarkapp.com/developer/api/bounce-api#bounce-types
- the server that a token is for: https://postmarkapp.com/developer/api/server-api
"""

import base64
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import orjson

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
    text_of,
)
from tasks.providers.callbacks import Callback, ProviderEvent
from tasks.providers.http_exchange import Answer, Request
from tasks.providers.http_provider import Call, HttpProvider, Meaning, Vendor, json_of, text_at
from tasks.providers.letter import Enclosure, letter_of

CHANNEL = "email"
CAPABILITIES = Capabilities(messages_per_call=500, idempotent=False, answer_timeout_seconds=60, merges=True)

HOST = "api.postmarkapp.com"
SERVER_ALONE = "server"
_MOST_MESSAGES = 500
_MOST_BYTES = 45_000_000  # 50 MB is the limit of a batch, 10 MB that of a message
_METADATA = "exosend-id"  # names of at most 20 characters, values of at most 80

# Error codes of sending, in an answer's body (ErrorCode).
_CODES = {
    10: OutcomeKind.UNSENT,  # bad or missing API token
    100: OutcomeKind.DEFERRED,  # maintenance
    300: OutcomeKind.REJECTED,  # invalid email request
    400: OutcomeKind.DEFERRED,  # sender signature not found: of one sender, who may be known soon
    401: OutcomeKind.DEFERRED,  # sender signature not confirmed
    405: OutcomeKind.UNSENT,  # not allowed to send: out of credits
    406: OutcomeKind.REJECTED,  # inactive recipient
    411: OutcomeKind.REJECTED,  # forbidden attachment type
    412: OutcomeKind.UNSENT,  # account is pending
    413: OutcomeKind.UNSENT,  # account may not send
    429: OutcomeKind.DEFERRED,  # rate limit exceeded
    1235: OutcomeKind.UNSENT,  # the message stream does not exist
    1236: OutcomeKind.UNSENT,  # the message stream is archived
}
# A status that says something else than by RFC 9110: the message is too large, or the batch is.
_STATUSES = {413: OutcomeKind.REJECTED}

_HARD = {"HardBounce", "BadEmailAddress", "ManuallyDeactivated"}
# Postmark lists them among the bounces, and they are none: the message got there, or may still.
_NO_BOUNCES = {
    "Subscribe", "AutoResponder", "AddressChange", "ChallengeVerification", "OpenRelayTest", "Unconfirmed",
    "InboundError",
}  # fmt: skip
_BOUNCES_OF_ANOTHER_KIND = {"SpamComplaint": ReportKind.COMPLAINED, "Unsubscribe": ReportKind.UNSUBSCRIBED}
_KINDS = {
    "Delivery": ReportKind.DELIVERED,
    "Bounce": ReportKind.BOUNCED,
    "SpamComplaint": ReportKind.COMPLAINED,
    "Open": ReportKind.OPENED,
    "Click": ReportKind.CLICKED,
    "SubscriptionChange": ReportKind.UNSUBSCRIBED,
}
_TIMES = ("DeliveredAt", "BouncedAt", "ReceivedAt", "ChangedAt")


def open_provider(account: ProviderAccount) -> HttpProvider:
    """The provider for an account."""
    return HttpProvider(Postmark(account))


class Postmark(Vendor):
    """See the module."""

    def __init__(self, account: ProviderAccount) -> None:
        self.name = "postmark"
        self.capabilities = replace(CAPABILITIES, answer_timeout_seconds=2 * account.timeout)
        headers = (
            ("X-Postmark-Server-Token", account.secret),
            ("Accept", "application/json"),
            ("Content-Type", "application/json"),
        )
        self.server = account.server(HOST, headers)
        self.secrets = (account.secret, account.user if account.user != SERVER_ALONE else "")
        self._stream = account.path

    def calls(self, messages: Sequence[OutgoingMessage]) -> list[Call]:
        bodies = [orjson.dumps(_email(message, self._stream)) for message in messages]
        if len(bodies) == 1:
            return [Call(Request("/email", bodies[0]), [0])]
        return [
            Call(Request("/email/batch", b"[" + b",".join([bodies[place] for place in places]) + b"]"), places)
            for places in _batches(bodies)
        ]

    def references(self, answer: Answer, messages: Sequence[OutgoingMessage]) -> Sequence[str | Meaning] | None:
        """A batch is answered with 200 whatever is said of its messages."""
        document = json_of(answer)
        results = document if isinstance(document, list) else [document]
        if len(results) != len(messages):
            return None
        said = [_result(result) for result in results]
        return [each for each in said if each is not None] if None not in said else None

    def check(self) -> ApiRequest:
        return ApiRequest("GET", "/server")

    def meaning(self, answer: Answer) -> Meaning:
        document = json_of(answer)
        code = document.get("ErrorCode") if isinstance(document, dict) else None
        kind = _STATUSES.get(answer.status)
        if answer.status == 422 and isinstance(code, int):
            kind = _CODES.get(code)
        named = str(code) if isinstance(code, int) and code else None
        return Meaning(kind, named, text_at(document, "Message"))


def read_callback(callback: Callback, keys: Sequence[str]) -> list[ProviderEvent]:
    """See ReadsCallbacks. A key is `user:password`, as it stands in the webhook's URL."""
    check_basic(callback, keys)
    record = json_object(callback.body)
    name = needed(record, "RecordType")
    kind = _kind(name, record)
    if kind is None:
        return []
    at = next((text for each in _TIMES if (text := text_of(record.get(each)))), "")
    recipient = text_of(record.get("Recipient")) or text_of(record.get("Email"))
    reference = text_of(record.get("MessageID"))
    link = text_of(record.get("OriginalLink"))
    return [
        ProviderEvent(
            # Bounces have ids; all others are told apart by what happened when.
            key=":".join((name, text_of(record.get("ID")) or f"{reference}:{recipient}:{at}:{link}")),
            kind=kind,
            occurred_at=moment(at),
            message_id=our_id(object_at(record, "Metadata").get(_METADATA)),
            provider_ref=reference or None,
            recipient=recipient or None,
            payload=_bounce(record) if kind is ReportKind.BOUNCED else _seen(record, link),
        )
    ]


def _kind(name: str, record: Mapping[str, object]) -> ReportKind | None:
    if name == "Bounce":
        type_ = text_of(record.get("Type"))
        return None if type_ in _NO_BOUNCES else _BOUNCES_OF_ANOTHER_KIND.get(type_, ReportKind.BOUNCED)
    if name == "SubscriptionChange":
        # Bounces and complaints suppress too, and are reported as such; what is lifted again is nothing to us.
        is_farewell = record.get("SuppressSending") is True and record.get("SuppressionReason") == "ManualSuppression"
        return ReportKind.UNSUBSCRIBED if is_farewell and record.get("Origin") == "Recipient" else None
    return _KINDS.get(name)


def _bounce(record: Mapping[str, object]) -> dict[str, object]:
    type_ = text_of(record.get("Type"))
    return payload(
        bounce_type="hard" if type_ in _HARD or record.get("Inactive") is True else "soft",
        code=type_,
        reason=text_of(record.get("Details")) or text_of(record.get("Description")),
    )


def _seen(record: Mapping[str, object], link: str) -> dict[str, object]:
    return payload(
        user_agent=text_of(record.get("UserAgent")), ip=text_of(object_at(record, "Geo").get("IP")), url=link
    )


def _email(message: OutgoingMessage, stream: str) -> dict[str, object]:
    letter = letter_of(message)
    document: dict[str, object] = {
        "From": str(letter.sender),
        "To": str(letter.to),
        "Subject": letter.subject,
        "Metadata": {_METADATA: str(message.id)},
        "TrackOpens": False,  # its own tracking would rewrite links
        "TrackLinks": "None",
    }
    optional = {
        "ReplyTo": str(letter.reply_to) if letter.reply_to else None,
        "TextBody": letter.text,
        "HtmlBody": letter.html,
        "MessageStream": stream or None,
        "Headers": [{"Name": name, "Value": value} for name, value in letter.headers] or None,
        "Attachments": [_attachment(file) for file in letter.enclosures] or None,
    }
    return document | {name: value for name, value in optional.items() if value is not None}


def _attachment(file: Enclosure) -> dict[str, object]:
    document: dict[str, object] = {
        "Name": file.name,
        "Content": base64.b64encode(file.content).decode("ascii"),
        "ContentType": file.media_type,
    }
    return document if file.content_id is None else document | {"ContentID": f"cid:{file.content_id}"}


def _batches(bodies: Sequence[bytes]) -> Iterator[list[int]]:
    places: list[int] = []
    size = 0
    for place, body in enumerate(bodies):
        if places and (len(places) == _MOST_MESSAGES or size + len(body) > _MOST_BYTES):
            yield places
            places, size = [], 0
        places.append(place)
        size += len(body) + 1
    if places:
        yield places


def _result(result: object) -> str | Meaning | None:
    """One message's: its reference, or why it was not taken; None for what is no result."""
    code = result.get("ErrorCode") if isinstance(result, dict) else None
    if code == 0:
        return text_at(result, "MessageID") or None
    if not isinstance(code, int):
        return None
    return Meaning(_CODES.get(code, OutcomeKind.REJECTED), str(code), text_at(result, "Message"))
