"""Sample values: what an example says where the documented one says nothing.

Each kind of thing has one id in all examples, so that they read as one story. A kind is the path of its collection
below /api/v1: `campaigns`, `sms/campaigns`, `emails/batch`.
"""

from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID

from models.rules.rates import rate_text

KINDS = (
    "sms",
    "emails",
    "emails/batch",
    "email-domains",
    "email-templates",
    "campaigns",
    "contacts",
    "contacts/imports",
    "contact-lists",
    "sender-ids",
    "sms/campaigns",
    "suppressions",
    "events",
    "webhook-endpoints",
    "deliveries",
)
# UUIDv7 of 2026-01-15T10:00:00Z and the seconds after it.
_FIRST_MILLISECOND = 0x019BC1190100

_CREATED_BY = {
    "sms/send": "sms",
    "sms/send-bulk": "sms",
    "emails/send": "emails",
    "emails/send-batch": "emails/batch",
    "contacts/import": "contacts/imports",
}

_FIELDS = {
    "message_id": "sms",
    "message_ids": "sms",
    "email_id": "emails",
    "email_ids": "emails",
    "batch_id": "emails/batch",
    "email_domain_id": "email-domains",
    "email_template_id": "email-templates",
    "template_id": "email-templates",
    "campaign_id": "campaigns",
    "contact_id": "contacts",
    "contact_ids": "contacts",
    "import_id": "contacts/imports",
    "list_id": "contact-lists",
    "target_list_ids": "contact-lists",
    "sender_id_id": "sender-ids",
    "event_id": "events",
    "endpoint_id": "webhook-endpoints",
}

SAMPLE_ADDRESS = "john@example.com"


def sample_id(kind: str, number: int = 0) -> str:
    """The id of the sample of a kind; `number`: of the ones after it."""
    place = KINDS.index(kind) if kind in KINDS else len(KINDS)
    milliseconds = _FIRST_MILLISECOND + 1000 * place
    return str(UUID(int=(milliseconds << 80) | (0x7 << 76) | (0x2 << 62) | (0x5EED00 + 0x100 * place + number)))


def kind_of_path(path: str) -> str:
    """The kind that a path ends in: `emails` for /api/v1/analytics/emails/{id}/events."""
    words: list[str] = []
    after_parameter = False
    for word in path.removeprefix("/api/v1/").split("/"):
        if word.startswith("{"):
            after_parameter = True
        elif after_parameter and word in ("contacts", "events", "deliveries"):  # of a list, of an email, of an endpoint
            return word
        elif not after_parameter and word not in ("analytics", "check", "overview"):
            words.append(word)
    kind = "/".join(words)
    return _CREATED_BY.get(kind, kind)


def kind_of_parameter(path: str, name: str) -> str:
    """The kind of thing that a parameter of a path names."""
    before = path.partition(f"{{{name}}}")[0].rstrip("/")
    return kind_of_path(before)


def kind_of_field(name: str, path: str) -> str:
    """The kind of thing that a field with an id names, in a request or answer of `path`."""
    return _FIELDS.get(name) or kind_of_path(path)


def _delivered(values: Mapping[str, Any]) -> int:
    sent: int = values.get("total_sent") or 0
    return sent - int(values.get("total_bounced") or 0)


def _rate(name: str) -> Callable[[Mapping[str, Any]], str | None]:
    def rate(values: Mapping[str, Any]) -> str | None:
        part, whole = values.get(name), values.get("total_sent")
        return None if part is None or whole is None else rate_text(part, whole)

    return rate


DERIVED: Mapping[str, Callable[[Mapping[str, Any]], Any]] = {
    "total_delivered": _delivered,
    "open_rate": _rate("total_opened"),
    "click_rate": _rate("total_clicked"),
    "bounce_rate": _rate("total_bounced"),
    "updated_at": lambda values: values.get("created_at"),
    "admin_status": lambda values: "approved" if values.get("is_verified") else "pending",
    "provider_status": lambda values: "verified" if values.get("is_verified") else "pending",
    "errors_total": lambda values: len(values.get("errors") or ()),
    "rows": lambda values: (
        sum(values.get(name) or 0 for name in ("imported", "skipped")) + len(values.get("errors") or ())
    ),
}
"""What follows from the rest of an example."""

VALUES: Mapping[str, Any] = {
    "name": "January Offers",
    "phone": "+37061234567",
    "manual_phones": ["+37061234567"],
    "message_content": "Hello {{ first_name }}, our January offers are here.",
    "sender_id": "EXOCLASS",
    "timezone": "Europe/Vilnius",
    "scheduled_at": "2031-02-01T09:00:00Z",
    "custom_fields": {"company": "Acme Inc"},
    "region": "eu",
    "batch_size": 100,
    "file_name": "contacts.csv",
    "open_rate": "0.0%",
    "click_rate": "0.0%",
    "bounce_rate": "0.0%",
    "dropped": {},
    "currency": "EUR",
    "total": 1,
    "per_page": 25,
    "current_page": 1,
    "last_page": 1,
    "created_at": "2026-01-15T10:00:00+00:00",
    "variables": ["first_name", "month"],
    "is_active": True,
}
"""By the name of the field, where neither the documented examples nor the schema have a value."""

INSTEAD: Mapping[str, Any] = {
    "scheduled_at": "2031-02-01T09:00:00Z",
    "variables": ["first_name", "month"],
    "manual_phones": ["+37061234567"],
}
"""In requests, instead of documented values that would be refused or say nothing."""
