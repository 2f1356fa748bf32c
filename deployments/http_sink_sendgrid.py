"""SendGrid's mail/send as it is documented (the pages: tasks/providers/vendors/sendgrid.py)."""

import base64
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import uuid4

import orjson
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from deployments import http_sink_domains
from deployments.http_sink_events import fingerprint, is_hard, of_messages, said
from deployments.http_sink_protocol import Answered, Refused, Taken
from models.rules.reports import ReportKind
from tasks.providers.callbacks import Callback, InboundSms, ProviderEvent

_MOST_RECIPIENTS = 1000
_MOST_BYTES = 30_000_000
_MOST_SUBSTITUTION_BYTES = 10_000
_EVENTS_IN_A_CALL = 500
# A key that everybody knows: for tests and trials, in whichever process they sign and check.
_PRIVATE = ec.derive_private_key(0x45786F53656E64, ec.SECP256R1())
VERIFICATION_KEY = base64.b64encode(
    _PRIVATE.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
).decode()
_EVENTS = {
    ReportKind.DELIVERED: "delivered",
    ReportKind.OPENED: "open",
    ReportKind.CLICKED: "click",
    ReportKind.BOUNCED: "bounce",
    ReportKind.COMPLAINED: "spamreport",
    ReportKind.UNSUBSCRIBED: "unsubscribe",
}


class SendGridApi:
    """One account, ("apikey", key). `kept`: what each recipient got, by the names of fields, where it is wanted."""

    def __init__(self, account: tuple[str, str]) -> None:
        self._authorization = f"Bearer {account[1]}"
        self.domains = http_sink_domains.Domains()
        self.kept: dict[str, dict[str, Any]] | None = None

    def handle(self, target: str, headers: Mapping[str, str], body: bytes) -> Taken | Refused:
        """See Api."""
        if headers.get("authorization") != self._authorization:
            return _refused(401, "The provided authorization grant is invalid, expired, or revoked")
        if target != "/v3/mail/send":
            return _refused(404, "Not Found")
        if len(body) > _MOST_BYTES:
            return _refused(413, "The JSON payload you have included in your request is too large.")
        document = orjson.loads(body)
        people = document.get("personalizations", [])
        if mistake := _mistake(document, people):
            return _refused(400, *mistake)
        recipients = [each["email"] for person in people for each in person["to"]]
        if self.kept is not None:
            self.kept |= {person["to"][0]["email"]: _filled(document, person) for person in people}
        return Taken(recipients, b"", 202, (("X-Message-Id", uuid4().hex[:22]),))

    def manage(self, method: str, target: str, headers: Mapping[str, str], body: bytes) -> Answered | None:
        """See Api."""
        if not target.startswith(("/v3/scopes", "/v3/whitelabel/")):
            return None
        if headers.get("authorization") != self._authorization:
            return Answered(401, self.error(401, "authorization required"))
        return http_sink_domains.sendgrid(self.domains, method, target, body)

    def error(self, status: int, text: str) -> bytes:
        """See Api."""
        return _refused(status, text).answer


def signed_callbacks(
    events: Sequence[ProviderEvent | InboundSms], *, url: str, key: str, at: datetime
) -> list[Callback]:
    """See SignsCallbacks: arrays of events, signed with the private part of VERIFICATION_KEY, whatever `key` is."""
    del key  # a public one signs nothing
    told = [_told(event) for event in of_messages(events)]
    parts = [told[start : start + _EVENTS_IN_A_CALL] for start in range(0, len(told), _EVENTS_IN_A_CALL)]
    return [signed_callback(orjson.dumps(part), url, at) for part in parts]


def signed_callback(body: bytes, url: str, at: datetime) -> Callback:
    """A request with any body."""
    stamp = str(int(at.timestamp()))
    signature = _PRIVATE.sign(stamp.encode() + body, ec.ECDSA(hashes.SHA256()))
    headers = {
        "content-type": "application/json",
        "user-agent": "SendGrid Event API",
        "x-twilio-email-event-webhook-signature": base64.b64encode(signature).decode(),
        "x-twilio-email-event-webhook-timestamp": stamp,
    }
    return Callback(url, headers, body, at)


def _told(event: ProviderEvent) -> dict[str, Any]:
    told: dict[str, Any] = {
        "email": event.recipient,
        "timestamp": int(event.occurred_at.timestamp()),
        "smtp-id": f"<{event.message_id}@ismtpd-1>",
        "event": _EVENTS[event.kind],
        "sg_event_id": fingerprint(event)[:22],
        "sg_message_id": f"{event.provider_ref or event.message_id}.recvd-5f54b5d587-1-5515E0B88.0",
        "exosend-id": str(event.message_id),
    }
    seen = {"useragent": said(event, "user_agent"), "ip": said(event, "ip")}
    if event.kind is ReportKind.OPENED:
        told |= {**seen, "sg_machine_open": event.payload.get("proxy") is True, "sg_content_type": "html"}
    elif event.kind is ReportKind.CLICKED:
        told |= {**seen, "url": said(event, "url"), "url_offset": {"index": 0, "type": "html"}}
    elif event.kind is ReportKind.BOUNCED:
        hard = {"type": "bounce", "status": "5.1.1", "bounce_classification": "Invalid Address"}
        soft = {"type": "blocked", "status": "4.2.2", "bounce_classification": "Mailbox Unavailable"}
        told |= {**(hard if is_hard(event) else soft), "reason": said(event, "reason", "550 5.1.1 unknown user")}
    elif event.kind is ReportKind.DELIVERED:
        told["response"] = "250 OK"
    return told


def _mistake(document: dict[str, Any], people: list[dict[str, Any]]) -> tuple[str, str] | None:
    """What is wrong, and in which field."""
    addresses = [each.get("email", "") for person in people for each in person.get("to", [])]
    content = document.get("content", [])
    sizes = [sum(map(len, person.get("substitutions", {}).values())) for person in people]
    names = [each.get("name", "") for person in people for each in person.get("to", [])]
    wrong = {
        ("The personalizations field is required and must have at least one personalization.", "personalizations"): (
            not addresses
        ),
        ("There is a limit of 1000 total recipients (to + cc + bcc) per request.", "personalizations"): (
            max(len(addresses), len(people)) > _MOST_RECIPIENTS
        ),
        ("Each unique email address in the personalizations array should only be included once.", "personalizations"): (
            len({address.casefold() for address in addresses}) < len(addresses)
        ),
        ("Does not contain a valid address.", "personalizations.0.to.0.email"): (
            not all("@" in address for address in addresses)
        ),
        ("The total size of your substitutions must be 10,000 bytes or less.", "personalizations.0.substitutions"): (
            max(sizes, default=0) > _MOST_SUBSTITUTION_BYTES
        ),
        ("The name may not contain , or ;", "personalizations.0.to.0.name"): any(
            set(name) & {",", ";"} for name in names
        ),
        ("The from object must be provided for every email send.", "from"): (
            "@" not in document.get("from", {}).get("email", "")
        ),
        ("The subject is required.", "subject"): (
            not all(person.get("subject") or document.get("subject") for person in people)
        ),
        ("The content value must be a string at least one character in length.", "content"): (
            not content or not all(part.get("value") for part in content)
        ),
    }
    return next((mistake for mistake, is_so in wrong.items() if is_so), None)


def _filled(document: dict[str, Any], person: dict[str, Any]) -> dict[str, Any]:
    texts = {part["type"]: part["value"] for part in document["content"]}
    for tag, value in person.get("substitutions", {}).items():
        texts = {kind: text.replace(tag, value) for kind, text in texts.items()}
    own = {"subject": person["subject"], "to": person["to"][0], "custom_args": person["custom_args"]}
    return {**texts, **own, "from": document["from"], "reply_to": document.get("reply_to")}


def _refused(status: int, text: str, field: str | None = None) -> Refused:
    return Refused(status, orjson.dumps({"errors": [{"message": text, "field": field, "help": None}]}))
