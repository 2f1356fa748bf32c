"""Email by Mailgun: up to 1,000 recipients of one content in a call, or a whole MIME message.

The account is `mailgun://api:key@api.mailgun.net` (in the EU api.eu.mailgun.net). Mail goes out by the Mailgun domain
of its sender's address, or by the one in the path: `mailgun://api:key@api.mailgun.net/mg.example.com`.

Messages of one content go together: the content with a place `%recipient.…%` for each value, and the values of each,
which are rendered and escaped by us. A message that has a text of its own that reads like such a place goes alone,
without places. What is no shared content (single emails, attachments) goes as the MIME message that it is.

Where its words are from, as read in November 2026:
- the fields: https://documentation.mailgun.com/docs/mailgun/api-reference/send/mailgun/messages
- batches and their limit: https://documentation.mailgun.com/docs/mailgun/user-manual/sending-messages/batch-sending
- 25 MB for a message, 16 kB for all h:, o: and v: together: https://documentation.mailgun.com/en/latest/api-sending.html
- statuses: https://documentation.mailgun.com/docs/mailgun/quickstart-guide/responses
- webhooks, their signature and for how long they are repeated:
  https://documentation.mailgun.com/docs/mailgun/user-manual/webhooks/securing-webhooks
  https://documentation.mailgun.com/docs/mailgun/user-manual/events/webhooks
- events: https://documentation.mailgun.com/docs/mailgun/user-manual/events/events
- the list of domains: https://documentation.mailgun.com/docs/mailgun/api-reference/openapi-final/tag/Domains
"""

import hashlib
import hmac
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from urllib.parse import quote

import orjson

from models.rules.reports import ReportKind
from tasks.providers.account import ProviderAccount
from tasks.providers.api_call import ApiRequest
from tasks.providers.base import Capabilities, Merge, OutcomeKind, OutgoingMessage, Places
from tasks.providers.callback_fields import (
    check_age,
    is_any,
    moment,
    needed,
    object_at,
    our_id,
    payload,
    signed_object,
    text_of,
)
from tasks.providers.callbacks import Callback, ForgedCallback, ProviderEvent
from tasks.providers.form_data import Field, form_data
from tasks.providers.http_exchange import Answer, Request
from tasks.providers.http_provider import Call, HttpProvider, Meaning, Vendor, basic, json_of, text_at

CHANNEL = "email"
CAPABILITIES = Capabilities(messages_per_call=1000, idempotent=False, answer_timeout_seconds=60, merges=True)

_HOST = "api.mailgun.net"
_MOST_RECIPIENTS = 1000
_MOST_BYTES = 20_000_000  # of one call: 25 MB is the limit
_OPENING = "%recipient"
_ID = "id"
_EVENT_VARIABLE = "exosend-id"
# Its own tracking would rewrite links. The variable comes back with every event.
_OPTIONS: tuple[Field, ...] = (("o:tracking", "no"),)
_VARIABLE = f"v:{_EVENT_VARIABLE}"

# Statuses that say something else than by RFC 9110. 402: "parameters were valid but request failed".
_STATUSES = {402: OutcomeKind.UNSENT, 413: OutcomeKind.REJECTED}

# What an event is called, but for `failed`. `rejected` was held back by Mailgun's own filter. Of no interest: accepted,
# and what is about lists.
_KINDS = {
    "delivered": ReportKind.DELIVERED,
    "opened": ReportKind.OPENED,
    "clicked": ReportKind.CLICKED,
    "complained": ReportKind.COMPLAINED,
    "unsubscribed": ReportKind.UNSUBSCRIBED,
    "rejected": ReportKind.BOUNCED,
}
# Reasons of `failed` with the severity permanent that say nothing of the address: "old" was tried for too long,
# "espblock" is about us, "generic" anything. Others are a bounce, or its own list of those who bounced or complained
# before (suppress-bounce, suppress-complaint, suppress-unsubscribe). A temporary one is tried again by itself.
_SOFT_REASONS = {"old", "generic", "espblock", "greylisted"}
# It repeats a request for eight hours, and does not say that it signs it anew.
_OLDEST_SECONDS = 9 * 3600


def open_provider(account: ProviderAccount) -> HttpProvider:
    """The provider for an account."""
    return HttpProvider(Mailgun(account))


class Mailgun(Vendor):
    """See the module."""

    def __init__(self, account: ProviderAccount) -> None:
        self.name = "mailgun"
        self.capabilities = replace(CAPABILITIES, answer_timeout_seconds=2 * account.timeout)
        self.server = account.server(_HOST, (basic(account.user, account.secret), ("Accept", "application/json")))
        self.secrets = (account.secret,)
        self._domain = account.path

    def calls(self, messages: Sequence[OutgoingMessage]) -> list[Call]:
        calls = []
        for places in _groups(messages):
            group = [messages[place] for place in places]
            domain = self._domain or group[0].sender.rpartition("@")[2]
            if group[0].merge is None:
                path, fields = "messages.mime", _mime(group[0])
            else:
                path, fields = "messages", _batch(group) if len(group) > 1 else _alone(group[0], group[0].merge)
            kind, body = form_data([*fields, *_OPTIONS])
            calls.append(Call(Request(f"/v3/{quote(domain, safe='')}/{path}", body, (("Content-Type", kind),)), places))
        return calls

    def references(self, answer: Answer, messages: Sequence[OutgoingMessage]) -> Sequence[str] | None:
        reference = text_at(json_of(answer), "id").strip("<>")
        return [reference] * len(messages) if reference else None

    def check(self) -> ApiRequest:
        return ApiRequest("GET", "/v4/domains?limit=1")

    def meaning(self, answer: Answer) -> Meaning:
        document = json_of(answer)
        said = text_at(document, "message") or text_at(document, "Error")
        kind = _STATUSES.get(answer.status)
        if answer.status == 404 and not self._domain:  # one sender's domain, which may be known soon
            kind = OutcomeKind.DEFERRED
        return Meaning(kind, None, said)


def read_callback(callback: Callback, keys: Sequence[str]) -> list[ProviderEvent]:
    """See ReadsCallbacks. A key is the account's "HTTP webhook signing key".

    The signature is of a time and a token, not of what is said under them: so the token is the event's key, and nothing
    else that comes under it counts.
    """
    document = signed_object(callback.body)
    signed = object_at(document, "signature")
    timestamp, token, signature = (text_of(signed.get(name)) for name in ("timestamp", "token", "signature"))
    text = (timestamp + token).encode()
    if not token or not is_any(
        signature, [hmac.new(key.encode(), text, hashlib.sha256).hexdigest() for key in keys if key]
    ):
        raise ForgedCallback("The signature is not Mailgun's.")
    check_age(timestamp, callback.received_at, _OLDEST_SECONDS)
    event = object_at(document, "event-data")
    kind = _kind(event)
    if kind is None:
        return []
    return [
        ProviderEvent(
            key=token,
            kind=kind,
            occurred_at=moment(event.get("timestamp")),
            message_id=our_id(object_at(event, "user-variables").get(_EVENT_VARIABLE)),
            provider_ref=text_of(object_at(event, "message", "headers").get("message-id")).strip("<>") or None,
            recipient=text_of(event.get("recipient")) or None,
            payload=_bounce(event) if kind is ReportKind.BOUNCED else _seen(event),
        )
    ]


def _kind(event: Mapping[str, object]) -> ReportKind | None:
    name = needed(event, "event")
    if name == "failed":
        return ReportKind.BOUNCED if text_of(event.get("severity")) == "permanent" else None
    return _KINDS.get(name)


def _bounce(event: Mapping[str, object]) -> dict[str, object]:
    status = object_at(event, "delivery-status")
    said = text_of(event.get("reason"))
    is_soft = said in _SOFT_REASONS or event.get("event") == "rejected"
    return payload(
        bounce_type="soft" if is_soft else "hard",
        code=text_of(status.get("enhanced-code")) or text_of(status.get("code")) or said,
        reason=text_of(status.get("message"))
        or text_of(status.get("description"))
        or text_of(object_at(event, "reject").get("reason"))
        or said,
    )


def _seen(event: Mapping[str, object]) -> dict[str, object]:
    client = object_at(event, "client-info")
    return payload(
        user_agent=text_of(client.get("user-agent")),
        ip=text_of(event.get("ip")),
        url=text_of(event.get("url")),
        proxy=bool(text_of(client.get("bot"))),  # apple, gmail and others, "" for people
    )


def _groups(messages: Sequence[OutgoingMessage]) -> Iterator[list[int]]:
    """Places of messages that go in one call: of one content, by one sender, to nobody twice."""
    open_: dict[tuple[int, str], tuple[list[int], set[str], int]] = {}
    safe: dict[int, bool] = {}  # contents
    for place, message in enumerate(messages):
        if message.merge is None or not _is_mergeable(message.merge, safe):
            yield [place]
            continue
        key, size = (id(message.merge.content), message.sender), sum(map(len, message.merge.values)) + 400
        places, names, total = open_.get(key, ([], set(), 0))
        name = message.recipient.casefold()  # it ignores an address that comes again
        if places and (name in names or len(places) == _MOST_RECIPIENTS or 4 * (total + size) > _MOST_BYTES):
            yield places
            places, names, total = [], set(), 0
        places.append(place)
        names.add(name)
        open_[key] = (places, names, total + size)
    for places, _, _ in open_.values():
        yield places


def _is_mergeable(merge: Merge, safe: dict[int, bool]) -> bool:
    """Whether no text of it could be taken for a place. `safe`: what is known of contents by now."""
    content = merge.content
    if (known := safe.get(id(content))) is None:
        same = (content.sender, content.reply_to or "")
        headers = (value for _, value in content.headers)
        places = (content.subject, content.text or (), content.html or (), same, *headers)
        known = safe[id(content)] = not any(
            _OPENING in piece.lower() for pieces in places for piece in pieces if isinstance(piece, str)
        )
    return known and not any(_OPENING in own.lower() for own in (merge.to, *merge.values))


def _batch(group: Sequence[OutgoingMessage]) -> list[Field]:
    variables: dict[str, dict[str, str]] = {}
    to: list[Field] = []
    for message in group:
        assert message.merge is not None
        own = {f"v{number}": value for number, value in enumerate(message.merge.values)}
        variables[message.recipient] = {**own, _ID: str(message.id)}
        to.append(("to", message.merge.to))
    assert group[0].merge is not None
    fields = _content(group[0].merge, [f"%recipient.v{number}%" for number in range(len(group[0].merge.values))])
    identity: Field = (_VARIABLE, f"%recipient.{_ID}%")
    return [*to, *fields, identity, ("recipient-variables", orjson.dumps(variables).decode())]


def _alone(message: OutgoingMessage, merge: Merge) -> list[Field]:
    return [("to", merge.to), *_content(merge, merge.values), (_VARIABLE, str(message.id))]


def _mime(message: OutgoingMessage) -> list[Field]:
    return [("to", message.recipient), ("message", message.content), (_VARIABLE, str(message.id))]


def _content(merge: Merge, values: Sequence[str]) -> list[Field]:
    content = merge.content
    fields: list[Field] = [("from", content.sender), ("subject", _filled(content.subject, values))]
    if content.text is not None:
        fields.append(("text", _filled(content.text, values)))
    if content.html is not None:
        fields.append(("html", _filled(content.html, values)))
    if content.reply_to is not None:
        fields.append(("h:Reply-To", content.reply_to))
    fields += [(f"h:{name}", _filled(value, values)) for name, value in content.headers]
    return fields


def _filled(places: Places, values: Sequence[str]) -> str:
    return "".join([piece if isinstance(piece, str) else values[piece] for piece in places])
