"""Email by Resend: up to 100 messages in a call.

The account is `resend://api:re_key@api.resend.com`.

A request has an Idempotency-Key, under which a second one within a day gets the answer of the first: so one that was
not answered is asked again at once. The key is a request's and not a message's, and five requests a second are all that
an account has at first: so messages go in batches, and what no second request cleared up is uncertain
(`idempotent=False`), since nobody would put the same batch together again.

Where its words are from, as read in November 2026:
- single emails: https://resend.com/docs/api-reference/emails/send-email
- batches, and what is refused in them: https://resend.com/docs/api-reference/emails/send-batch-emails
- errors: https://resend.com/docs/api-reference/errors
- idempotency keys: https://resend.com/docs/dashboard/emails/idempotency-keys
- limits: https://resend.com/docs/api-reference/rate-limit
- webhooks: https://resend.com/docs/webhooks/event-types
- their signature: https://resend.com/docs/webhooks/verify-webhooks-requests, that of Standard Webhooks with other names
- the list of domains: https://resend.com/docs/api-reference/domains/list-domains
"""

import base64
import binascii
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime

import orjson
from standardwebhooks import Webhook
from standardwebhooks.webhooks import EmptyWebhookSecretError

from models.rules.reports import ReportKind
from tasks.providers.account import ProviderAccount
from tasks.providers.api_call import ApiRequest
from tasks.providers.base import Capabilities, OutcomeKind, OutgoingMessage
from tasks.providers.callback_fields import (
    check_age,
    first_text,
    is_any,
    json_object,
    moment,
    needed,
    object_at,
    objects_at,
    our_id,
    payload,
    text_of,
)
from tasks.providers.callbacks import Callback, ForgedCallback, ProviderEvent
from tasks.providers.http_exchange import Answer, Request
from tasks.providers.http_provider import Call, HttpProvider, Meaning, Vendor, json_of, text_at
from tasks.providers.letter import Enclosure, Letter, letter_of

CHANNEL = "email"
CAPABILITIES = Capabilities(messages_per_call=100, idempotent=False, answer_timeout_seconds=90, merges=True)

_HOST = "api.resend.com"
_MOST_MESSAGES = 100
_MOST_BYTES = 20_000_000  # 40 MB is the limit of a message with its files; of a batch none is documented
_TAG = "exosend-id"

# Names of errors, by what they mean.
_ERRORS = {
    "missing_api_key": OutcomeKind.UNSENT,
    "invalid_api_key": OutcomeKind.UNSENT,
    "restricted_api_key": OutcomeKind.UNSENT,
    "daily_quota_exceeded": OutcomeKind.UNSENT,
    "monthly_quota_exceeded": OutcomeKind.UNSENT,
    "rate_limit_exceeded": OutcomeKind.DEFERRED,
    # Another request under the same key is being answered, or was another one: either way the message may be there.
    "concurrent_idempotent_requests": OutcomeKind.UNCERTAIN,
    "invalid_idempotent_request": OutcomeKind.UNCERTAIN,
    "security_error": OutcomeKind.REJECTED,
}
# One name says many things: these texts are of the account, of one sender's domain, which may be verified soon, and of
# a domain that somebody else has added.
_TEXTS = {
    "api key is invalid": OutcomeKind.UNSENT,
    "you can only send testing emails": OutcomeKind.UNSENT,
    "domain is not verified": OutcomeKind.DEFERRED,
    "registered already": OutcomeKind.REJECTED,
}

_KINDS = {
    "email.delivered": ReportKind.DELIVERED,
    "email.bounced": ReportKind.BOUNCED,
    "email.failed": ReportKind.BOUNCED,  # it could not be sent: an invalid recipient, a quota, a domain
    "email.suppressed": ReportKind.BOUNCED,  # the address is on the account's own list
    "email.complained": ReportKind.COMPLAINED,
    "email.opened": ReportKind.OPENED,
    "email.clicked": ReportKind.CLICKED,
}
# Types of bounces other than Permanent, and what may get there another time. `email.bounced` is for who "permanently
# rejected the email", and says no type in older formats.
_SOFT = {"Transient", "Undetermined", "email.failed"}


def open_provider(account: ProviderAccount) -> HttpProvider:
    """The provider for an account."""
    return HttpProvider(Resend(account))


class Resend(Vendor):
    """See the module."""

    def __init__(self, account: ProviderAccount) -> None:
        self.name = "resend"
        self.capabilities = replace(CAPABILITIES, answer_timeout_seconds=3 * account.timeout)
        headers = (
            ("Authorization", f"Bearer {account.secret}"),
            ("Content-Type", "application/json"),
            ("User-Agent", "ExoSend"),  # without one it refuses requests
        )
        self.server = account.server(_HOST, headers)
        self.secrets = (account.secret,)

    def calls(self, messages: Sequence[OutgoingMessage]) -> list[Call]:
        letters = [letter_of(message) for message in messages]
        bodies = [orjson.dumps(_email(letter, message)) for letter, message in zip(letters, messages, strict=True)]
        # Files are for single emails alone.
        can_join = [not letter.enclosures for letter in letters]
        return [_call(messages, bodies, places) for places in _batches(bodies, can_join)]

    def references(self, answer: Answer, messages: Sequence[OutgoingMessage]) -> Sequence[str | Meaning] | None:
        document = json_of(answer)
        if not isinstance(document, dict):
            return None
        if "data" not in document:
            reference = text_at(document, "id")
            return [reference] if reference and len(messages) == 1 else None
        refused = {each.get("index"): text_at(each, "message") for each in objects_at(document, "errors")}
        taken = iter([text_at(each, "id") for each in objects_at(document, "data")])
        told: list[str | Meaning] = []
        for place in range(len(messages)):
            if place in refused:
                told.append(
                    Meaning(_by_text(refused[place]) or OutcomeKind.REJECTED, "validation_error", refused[place])
                )
            elif reference := next(taken, ""):
                told.append(reference)
            else:
                return None
        return told

    def check(self) -> ApiRequest:
        return ApiRequest("GET", "/domains")

    def is_let_in(self, answer: Answer) -> bool:
        """Also a key that may send and do nothing else."""
        return super().is_let_in(answer) or text_at(json_of(answer), "name") == "restricted_api_key"

    def meaning(self, answer: Answer) -> Meaning:
        document = json_of(answer)
        name, said = text_at(document, "name"), text_at(document, "message")
        return Meaning(_ERRORS.get(name) or _by_text(said), name or None, said)


def read_callback(callback: Callback, keys: Sequence[str]) -> list[ProviderEvent]:
    """See ReadsCallbacks. A key is the webhook's signing secret, `whsec_…`."""
    id_ = _check_signature(callback, keys)
    document = json_object(callback.body)
    name = needed(document, "type")
    kind = _KINDS.get(name)
    if kind is None:  # sent, scheduled, delayed; what is about contacts and domains
        return []
    said = object_at(document, "data")
    seen = object_at(said, {"email.clicked": "click", "email.opened": "open"}.get(name, ""))
    return [
        ProviderEvent(
            key=id_,  # the same when the event is sent again
            kind=kind,
            occurred_at=moment(seen.get("timestamp") or document.get("created_at")),
            message_id=our_id(object_at(said, "tags").get(_TAG)),
            provider_ref=text_of(said.get("email_id")) or None,
            recipient=first_text(said.get("to")) or None,
            payload=_bounce(name, said) if kind is ReportKind.BOUNCED else _seen(seen),
        )
    ]


def _check_signature(callback: Callback, keys: Sequence[str]) -> str:
    """The id of the request, which is signed with its time and body."""
    id_, signed_at, given = (callback.headers.get(f"svix-{name}", "") for name in ("id", "timestamp", "signature"))
    try:
        at, body = datetime.fromtimestamp(int(signed_at), UTC), callback.body.decode()
    except (ValueError, OverflowError, OSError):
        raise ForgedCallback("The callback is not signed.") from None
    right = [signature for key in keys if (signature := _signature(key, id_, at, body))]
    # Several may stand there, while one secret replaces another.
    if not id_ or not any(is_any(each, right) for each in given.split(" ")[:10]):
        raise ForgedCallback("The signature is not Resend's.")
    check_age(signed_at, callback.received_at)  # each try has a time of its own
    return id_


def _signature(key: str, id_: str, at: datetime, body: str) -> str:
    """ "" for a key that is none, which fits nothing."""
    try:
        return Webhook(key).sign(id_, at, body)
    except (binascii.Error, EmptyWebhookSecretError):
        return ""


def _bounce(name: str, said: Mapping[str, object]) -> dict[str, object]:
    bounce = object_at(said, name.partition(".")[2].replace("bounced", "bounce"))
    type_ = text_of(bounce.get("type"))
    return payload(
        bounce_type="soft" if {type_, name} & _SOFT else "hard",
        code=text_of(bounce.get("subType")) or type_ or name,
        reason=text_of(bounce.get("message")) or text_of(bounce.get("reason")),
    )


def _seen(seen: Mapping[str, object]) -> dict[str, object]:
    return payload(
        user_agent=text_of(seen.get("userAgent")), ip=text_of(seen.get("ipAddress")), url=text_of(seen.get("link"))
    )


def _by_text(said: str) -> OutcomeKind | None:
    return next((kind for text, kind in _TEXTS.items() if text in said.lower()), None)


def _batches(bodies: Sequence[bytes], can_join: Sequence[bool]) -> Iterator[list[int]]:
    places: list[int] = []
    size = 0
    for place, body in enumerate(bodies):
        if not can_join[place]:
            yield [place]
            continue
        if places and (len(places) == _MOST_MESSAGES or size + len(body) > _MOST_BYTES):
            yield places
            places, size = [], 0
        places.append(place)
        size += len(body) + 1
    if places:
        yield places


def _call(messages: Sequence[OutgoingMessage], bodies: Sequence[bytes], places: list[int]) -> Call:
    if len(places) == 1:
        key = (("Idempotency-Key", str(messages[places[0]].id)),)
        return Call(Request("/emails", bodies[places[0]], key), places, repeatable=True)
    ids = b"".join([messages[place].id.bytes for place in places])
    headers = (
        ("Idempotency-Key", hashlib.sha256(ids).hexdigest()),
        ("X-Batch-Validation", "permissive"),  # what is wrong with one is said of that one
    )
    body = b"[" + b",".join([bodies[place] for place in places]) + b"]"
    return Call(Request("/emails/batch", body, headers), places, repeatable=True)


def _email(letter: Letter, message: OutgoingMessage) -> dict[str, object]:
    document: dict[str, object] = {
        "from": str(letter.sender),
        "to": [str(letter.to)],
        "subject": letter.subject,
        "text": letter.text or "",  # without one it would write one out of the html
        "tags": [{"name": _TAG, "value": str(message.id)}],
    }
    optional = {
        "html": letter.html,
        "reply_to": [str(letter.reply_to)] if letter.reply_to else None,
        "headers": dict(letter.headers) or None,
        "attachments": [_attachment(file) for file in letter.enclosures] or None,
    }
    return document | {name: value for name, value in optional.items() if value is not None}


def _attachment(file: Enclosure) -> dict[str, str]:
    document = {
        "content": base64.b64encode(file.content).decode("ascii"),
        "filename": file.name,
        "content_type": file.media_type,
    }
    return document if file.content_id is None else document | {"content_id": file.content_id}
