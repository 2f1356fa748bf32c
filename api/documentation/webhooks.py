"""The events that webhook endpoints are told, with an example each: the `webhooks` of OpenAPI 3.1."""

from collections.abc import Mapping
from typing import Any

from api.documentation.samples import SAMPLE_ADDRESS, sample_id
from models.rules.webhooks import TEST_EVENT, EventType

_AT = "2026-01-15T10:00:04+00:00"
_EMAIL: Mapping[str, Any] = {
    "id": sample_id("emails"),
    "to_email": SAMPLE_ADDRESS,
    "campaign_id": None,
    "batch_id": None,
    "metadata": {"order_id": "12345"},
}
_SMS: Mapping[str, Any] = {
    "id": sample_id("sms"),
    "recipient": "+37061234567",
    "campaign_id": sample_id("sms/campaigns"),
    "segments": 1,
}
_BROWSER = {"user_agent": "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X)", "ip": "198.51.100.7"}


def _campaign(status: str, reason: str | None = None) -> dict[str, Any]:
    return {
        "id": sample_id("campaigns"),
        "channel": "email",
        "name": "January Offers",
        "status": status,
        "reason": reason,
    }


def _domain(status: str, *, holds: bool) -> dict[str, Any]:
    checks = {"spf_verified": True, "dkim_verified": holds, "dmarc_verified": True}
    return {"id": sample_id("email-domains"), "domain": "news.example.com", "status": status, **checks}


EXAMPLES: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    EventType.EMAIL_SENT: ("A provider has taken the email.", _EMAIL),
    EventType.EMAIL_FAILED: (
        "No provider takes it, or its recipient had opted out.",
        {**_EMAIL, "error_code": "550", "error_message": "5.1.1 No such user"},
    ),
    EventType.EMAIL_DELIVERED: ("It is in the recipient's mailbox.", _EMAIL),
    EventType.EMAIL_BOUNCED: (
        "It came back: for good (hard), or for now (soft).",
        {**_EMAIL, "bounce_type": "hard", "code": "5.1.1", "reason": "No such user"},
    ),
    EventType.EMAIL_COMPLAINED: ("The recipient called it spam.", _EMAIL),
    EventType.EMAIL_OPENED: ("It was opened, each time anew.", {**_EMAIL, **_BROWSER}),
    EventType.EMAIL_CLICKED: (
        "A link in it was followed, each time anew. `is_machine`: by a scanner or proxy.",
        {**_EMAIL, "url": "https://example.com/pricing", **_BROWSER},
    ),
    EventType.EMAIL_UNSUBSCRIBED: ("The recipient opted out.", _EMAIL),
    EventType.SMS_SENT: ("A provider has taken the SMS.", _SMS),
    EventType.SMS_FAILED: (
        "No provider takes it, or its recipient had opted out.",
        {**_SMS, "error_code": "21211", "error_message": "The number is not valid."},
    ),
    EventType.SMS_DELIVERED: ("It is on the recipient's phone.", _SMS),
    EventType.SMS_UNDELIVERED: ("The network could not deliver it.", {**_SMS, "code": "30003"}),
    EventType.SMS_EXPIRED: ("The network gave it up after its time.", _SMS),
    EventType.SMS_UNSUBSCRIBED: ("The recipient opted out.", _SMS),
    EventType.SMS_RECEIVED: (
        "Somebody wrote to a number of yours. `keyword` stop: they opted out. `message_id`: the SMS that it answers.",
        {
            "id": sample_id("sms", 1),
            "sender": "+37061234567",
            "recipient": "+37069900000",
            "text": "Yes, at ten.",
            "keyword": None,
            "message_id": sample_id("sms"),
        },
    ),
    EventType.CAMPAIGN_STARTED: ("It is being sent.", _campaign("sending")),
    EventType.CAMPAIGN_PAUSED: (
        "Somebody paused it, or it paused itself: then there is a `reason`.",
        _campaign("paused", "23% of its messages bounced."),
    ),
    EventType.CAMPAIGN_RESUMED: ("It is being sent again.", _campaign("sending")),
    EventType.CAMPAIGN_SENT: (
        "All SMS are handed over; final reports are still to come.",
        {**_campaign("sent"), "id": sample_id("sms/campaigns"), "channel": "sms"},
    ),
    EventType.CAMPAIGN_COMPLETED: ("All of it is done.", _campaign("completed")),
    EventType.CAMPAIGN_CANCELLED: ("Somebody cancelled it.", _campaign("cancelled")),
    EventType.CAMPAIGN_FAILED: ("It could not be sent.", _campaign("failed", "insufficient_credits")),
    EventType.DOMAIN_VERIFIED: ("Mail may come from the domain.", _domain("verified", holds=True)),
    EventType.DOMAIN_FAILED: ("DNS does not hold what it must.", _domain("failed", holds=False)),
    TEST_EVENT: (
        "What `POST /webhook-endpoints/{endpoint_id}/test` sends.",
        {"endpoint_id": sample_id("webhook-endpoints")},
    ),
}
"""By type: what it says, and the `data` of an example."""

_HEADERS = {
    "webhook-id": "The event. The same on each try: what came before under it is nothing new.",
    "webhook-timestamp": "When this request was made, in seconds since 1970. Refuse what is older than 5 minutes.",
    "webhook-signature": "`v1,` and the Base64 of HMAC-SHA256 over `id.timestamp.body`; two with a space between them "
    "while one secret replaces another.",
}
_ANSWERS = {
    "2XX": {"description": "It has arrived. Whatever else is answered, it is tried again for a day."},
    "410": {"description": "The endpoint is no more: it is switched off."},
}


def webhooks() -> dict[str, Any]:
    """The section `webhooks` of the description: each type as a request that we make."""
    return {str(type_): {"post": _operation(type_, *EXAMPLES[type_])} for type_ in EXAMPLES}


def _operation(type_: str, summary: str, data: Mapping[str, Any]) -> dict[str, Any]:
    example = {"type": str(type_), "timestamp": _AT, "data": dict(data)}
    return {
        "summary": summary,
        "tags": ["Webhooks"],
        "security": [],
        "parameters": [
            {"name": name, "in": "header", "required": True, "description": said, "schema": {"type": "string"}}
            for name, said in _HEADERS.items()
        ],
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": _schema(str(type_), data), "example": example}},
        },
        "responses": _ANSWERS,
    }


def _schema(type_: str, data: Mapping[str, Any]) -> dict[str, Any]:
    fields = {name: _kind(name, value) for name, value in data.items()}
    return {
        "type": "object",
        "required": ["type", "timestamp", "data"],
        "properties": {
            "type": {"type": "string", "const": type_},
            "timestamp": {"type": "string", "format": "date-time", "description": "When it happened."},
            "data": {"type": "object", "required": [name for name in fields if name in _ALWAYS], "properties": fields},
        },
    }


_ALWAYS = {
    *_EMAIL,
    *_SMS,
    *_campaign(""),
    *_domain("", holds=True),
    "sender",
    "text",
    "keyword",
    "message_id",
    "endpoint_id",
}
_NULLABLE = {
    "keyword",
    "message_id",
    "campaign_id",
    "batch_id",
    "metadata",
    "reason",
    "error_code",
    "error_message",
    "segments",
}


def _kind(name: str, value: Any) -> dict[str, Any]:
    kind = "boolean" if isinstance(value, bool) else "integer" if isinstance(value, int) else "string"
    kind = "object" if isinstance(value, Mapping) or name == "metadata" else kind
    shape: dict[str, Any] = {"type": [kind, "null"] if name in _NULLABLE else kind}
    return {**shape, "format": "uuid"} if name == "id" or name.endswith("_id") else shape
