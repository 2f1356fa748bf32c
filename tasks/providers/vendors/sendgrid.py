"""Email by SendGrid (v3): up to 1,000 recipients of one content in a call.

The account is `sendgrid://apikey:SG.key@api.sendgrid.com` (in the EU api.eu.sendgrid.com).

Messages of one content go together: the bodies with a place for each value, and the values of each in its
`substitutions`. A place is a word that is made up anew for each call, so that nothing that a content or a value says
can be taken for one. Subjects are each personalization's own. Who needs more than 10,000 bytes of values goes alone,
and so does what is no shared content.

Where its words are from, as read in November 2026:
- the fields: https://www.twilio.com/docs/sendgrid/api-reference/mail-send/mail-send
- limits: https://www.twilio.com/docs/sendgrid/api-reference/mail-send/limitations
- errors: https://www.twilio.com/docs/sendgrid/api-reference/mail-send/errors
- substitutions: https://www.twilio.com/docs/sendgrid/for-developers/sending-email/substitution-tags
- events: https://www.twilio.com/docs/sendgrid/for-developers/tracking-events/event
- their signature:
  https://www.twilio.com/docs/sendgrid/for-developers/tracking-events/getting-started-event-webhook-security-features
- what a key may do: https://www.twilio.com/docs/sendgrid/api-reference/api-key-permissions
"""

import base64
import binascii
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from uuid import uuid4

import orjson
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_der_public_key

from models.rules.reports import ReportKind
from tasks.providers.account import ProviderAccount
from tasks.providers.api_call import ApiRequest
from tasks.providers.base import Capabilities, Merge, OutcomeKind, OutgoingMessage, Places
from tasks.providers.callback_fields import check_age, json_value, moment, needed, our_id, payload, text_of
from tasks.providers.callbacks import Callback, ForgedCallback, ProviderEvent, UnreadableCallback
from tasks.providers.http_exchange import Answer, Request
from tasks.providers.http_provider import Call, HttpProvider, Meaning, Vendor, json_of, text_at
from tasks.providers.letter import Enclosure, Letter, Mailbox, filled, letter_of, mailbox

CHANNEL = "email"
CAPABILITIES = Capabilities(messages_per_call=1000, idempotent=False, answer_timeout_seconds=60, merges=True)

_HOST = "api.sendgrid.com"
_TARGET = "/v3/mail/send"
_MOST_RECIPIENTS = 1000
_MOST_BYTES = 20_000_000  # of one call: 30 MB is the limit
_MOST_VALUE_BYTES = 9_000  # 10,000 of a personalization, by the page that says less; the places are counted too
_ARGUMENT = "exosend-id"
# Its own tracking would rewrite links, and put a footer under the text.
_TRACKING = {
    "click_tracking": {"enable": False, "enable_text": False},
    "open_tracking": {"enable": False},
    "subscription_tracking": {"enable": False},
    "ganalytics": {"enable": False},
}

_KINDS = {
    "delivered": ReportKind.DELIVERED,
    "bounce": ReportKind.BOUNCED,
    "dropped": ReportKind.BOUNCED,
    "open": ReportKind.OPENED,
    "click": ReportKind.CLICKED,
    "spamreport": ReportKind.COMPLAINED,
    "unsubscribe": ReportKind.UNSUBSCRIBED,
    "group_unsubscribe": ReportKind.UNSUBSCRIBED,
}
# Classes of bounces that say nothing of the address. "Invalid Address" does, and what has no class, of the type
# "bounce", which SendGrid suppresses ("blocked" it does not).
_SOFT_CLASSES = {
    "Technical", "Content", "Reputation", "Frequency or Volume Too High", "Mailbox Unavailable",
}  # fmt: skip
# What it drops since it knows the address: bounced, complained or left before. Other reasons: no credit, spam content.
_HARD_DROPS = ("bounced address", "spam reporting address", "unsubscribed address", "invalid", "group unsubscribe")
# It repeats a request for a day, and does not say that it signs it anew.
_OLDEST_SECONDS = 25 * 3600
_END_OF_ID = re.compile(r"\.(?:filter|recvd)")


def open_provider(account: ProviderAccount) -> HttpProvider:
    """The provider for an account."""
    return HttpProvider(SendGrid(account))


class SendGrid(Vendor):
    """See the module."""

    def __init__(self, account: ProviderAccount) -> None:
        self.name = "sendgrid"
        self.capabilities = replace(CAPABILITIES, answer_timeout_seconds=2 * account.timeout)
        headers = (("Authorization", f"Bearer {account.secret}"), ("Content-Type", "application/json"))
        self.server = account.server(_HOST, headers)
        self.secrets = (account.secret,)

    def calls(self, messages: Sequence[OutgoingMessage]) -> list[Call]:
        calls = []
        for places in _groups(messages):
            group = [messages[place] for place in places]
            document = _alone(group[0]) if len(group) == 1 else _batch(group)
            body = orjson.dumps(document | {"tracking_settings": _TRACKING})
            calls.append(Call(Request(_TARGET, body), places))
        return calls

    def references(self, answer: Answer, messages: Sequence[OutgoingMessage]) -> Sequence[str] | None:
        """202, without a body. The id is of the request; its recipients' own begin with it."""
        reference = answer.headers.get("x-message-id", "")
        return [reference] * len(messages) if answer.status == 202 and reference else None

    def check(self) -> ApiRequest:
        return ApiRequest("GET", "/v3/scopes")

    def meaning(self, answer: Answer) -> Meaning:
        document = json_of(answer)
        errors = document.get("errors") if isinstance(document, dict) else None
        first = errors[0] if isinstance(errors, list) and errors else None
        kind = None
        if answer.status == 403 and text_at(first, "field") == "from":  # one sender's, which may be verified soon
            kind = OutcomeKind.DEFERRED
        return Meaning(kind, None, text_at(first, "message"))


def read_callback(callback: Callback, keys: Sequence[str]) -> list[ProviderEvent]:
    """See ReadsCallbacks. A key is the webhook's "verification key", base64."""
    _check_signature(callback, keys)
    check_age(_header(callback, "timestamp"), callback.received_at, _OLDEST_SECONDS)
    document = json_value(callback.body)
    if not isinstance(document, list) or not all(isinstance(each, dict) for each in document):
        raise UnreadableCallback("The callback is no array of events.")
    return [event for each in document if (event := _event(each)) is not None]


def _event(said: Mapping[str, object]) -> ProviderEvent | None:
    name = needed(said, "event")
    kind = _KINDS.get(name)
    if kind is None:  # processed, deferred, account changes, a resubscription
        return None
    id_, recipient, url = (text_of(said.get(each)) for each in ("sg_message_id", "email", "url"))
    # sg_event_id is said to be for telling repeated events, and has been seen to change when they are repeated:
    # https://github.com/sendgrid/sendgrid-nodejs/issues/1435
    own = ":".join((name, id_, recipient, text_of(said.get("timestamp")), url))
    return ProviderEvent(
        key=own if id_ else f"{name}:{needed(said, 'sg_event_id')}",
        kind=kind,
        occurred_at=moment(said.get("timestamp")),
        message_id=our_id(said.get(_ARGUMENT)),
        provider_ref=_END_OF_ID.split(id_, maxsplit=1)[0] or None,
        recipient=recipient or None,
        payload=_bounce(name, said) if kind is ReportKind.BOUNCED else _seen(said),
    )


def _bounce(name: str, said: Mapping[str, object]) -> dict[str, object]:
    reason = text_of(said.get("reason")) or text_of(said.get("response"))
    class_ = text_of(said.get("bounce_classification"))
    if name == "dropped":
        is_hard = reason.lower().startswith(_HARD_DROPS)
    else:
        is_hard = text_of(said.get("type")) != "blocked" and class_ not in _SOFT_CLASSES
    return payload(
        bounce_type="hard" if is_hard else "soft",
        code=text_of(said.get("status")) or class_ or name,
        reason=reason,
    )


def _seen(said: Mapping[str, object]) -> dict[str, object]:
    return payload(
        user_agent=text_of(said.get("useragent")),
        ip=text_of(said.get("ip")),
        url=text_of(said.get("url")),
        proxy=said.get("sg_machine_open") is True,
    )


def _header(callback: Callback, name: str) -> str:
    return callback.headers.get(f"x-twilio-email-event-webhook-{name}", "")


def _check_signature(callback: Callback, keys: Sequence[str]) -> None:
    signed = _header(callback, "timestamp").encode() + callback.body
    try:
        signature = base64.b64decode(_header(callback, "signature"), validate=True)
    except binascii.Error:
        signature = b""
    for key in keys:
        if (public := _public_key(key)) is not None:
            try:
                public.verify(signature, signed, ec.ECDSA(hashes.SHA256()))
            except InvalidSignature:
                continue
            return
    raise ForgedCallback("The signature is not SendGrid's.")


@lru_cache(maxsize=64)
def _public_key(key: str) -> ec.EllipticCurvePublicKey | None:
    """The key of a text in base64; None for one that is none, which fits nothing."""
    try:
        found = load_der_public_key(base64.b64decode(key))
    except ValueError:
        return None
    return found if isinstance(found, ec.EllipticCurvePublicKey) else None


def _groups(messages: Sequence[OutgoingMessage]) -> Iterator[list[int]]:
    """Places of messages that go in one call: of one content, to nobody twice."""
    open_: dict[int, tuple[list[int], set[str], int]] = {}
    for place, message in enumerate(messages):
        size = sum(len(value.encode()) + 50 for value in message.merge.values) if message.merge else 0
        if message.merge is None or size > _MOST_VALUE_BYTES:
            yield [place]
            continue
        key, name = id(message.merge.content), message.recipient.casefold()
        places, names, total = open_.get(key, ([], set(), 0))
        # An address that comes again is an error. Each byte may be six in JSON.
        if places and (name in names or len(places) == _MOST_RECIPIENTS or 6 * (total + size) > _MOST_BYTES):
            yield places
            places, names, total = [], set(), 0
        places.append(place)
        names.add(name)
        open_[key] = (places, names, total + size + 300)
    for places, _, _ in open_.values():
        yield places


def _batch(group: Sequence[OutgoingMessage]) -> dict[str, object]:
    assert group[0].merge is not None
    content = group[0].merge.content
    word = uuid4().hex
    tags = [f"-{word}.{number}-" for number in range(len(group[0].merge.values))]
    common = Letter(
        sender=mailbox(content.sender),
        to=Mailbox(""),
        reply_to=mailbox(content.reply_to) if content.reply_to else None,
        subject="",
        text=_with_tags(content.text, tags),
        html=_with_tags(content.html, tags),
    )
    return {
        "personalizations": [_personalization(message, message.merge, tags) for message in group],
        **_common(common),
    }


def _personalization(message: OutgoingMessage, merge: Merge | None, tags: Sequence[str]) -> dict[str, object]:
    assert merge is not None
    document: dict[str, object] = {
        "to": [_address(mailbox(merge.to))],
        "subject": filled(merge.content.subject, merge.values),
        "substitutions": dict(zip(tags, merge.values, strict=True)),
        "custom_args": {_ARGUMENT: str(message.id)},
    }
    if merge.content.headers:
        document["headers"] = {name: filled(value, merge.values) for name, value in merge.content.headers}
    return document


def _alone(message: OutgoingMessage) -> dict[str, object]:
    letter = letter_of(message)
    own = {"to": [_address(letter.to)], "subject": letter.subject, "custom_args": {_ARGUMENT: str(message.id)}}
    return {"personalizations": [own], **_common(letter)}


def _common(letter: Letter) -> dict[str, object]:
    bodies = (("text/plain", letter.text), ("text/html", letter.html))
    document: dict[str, object] = {
        "from": _address(letter.sender),
        "content": [{"type": kind, "value": text} for kind, text in bodies if text],
    }
    if letter.reply_to is not None:
        document["reply_to"] = _address(letter.reply_to)
    if letter.headers:
        document["headers"] = dict(letter.headers)
    if letter.enclosures:
        document["attachments"] = [_attachment(file) for file in letter.enclosures]
    return document


def _address(box: Mailbox) -> dict[str, str]:
    """Names may not hold , or ; (limitations)."""
    name = re.sub(r"[,;]+ *", " ", box.name).strip()
    return {"email": box.address, "name": name} if name else {"email": box.address}


def _attachment(file: Enclosure) -> dict[str, str]:
    document = {
        "content": base64.b64encode(file.content).decode("ascii"),
        "type": file.media_type,
        "filename": file.name,
        "disposition": "attachment" if file.content_id is None else "inline",
    }
    return document if file.content_id is None else document | {"content_id": file.content_id}


def _with_tags(places: Places | None, tags: Sequence[str]) -> str | None:
    return None if places is None else "".join([each if isinstance(each, str) else tags[each] for each in places])
