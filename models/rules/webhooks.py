"""Webhooks: what is told, how long it is tried, and when an endpoint is given up.

The form of what is sent is that of Standard Webhooks (https://www.standardwebhooks.com, specification 1.0.0).
"""

import hashlib
from collections.abc import Mapping
from enum import StrEnum
from uuid import UUID

from models.rules.lifecycle import CampaignStatus, Channel
from models.rules.reports import ReportKind


class EventType(StrEnum):
    """What an endpoint can ask to be told."""

    EMAIL_SENT = "email.sent"
    EMAIL_FAILED = "email.failed"
    EMAIL_DELIVERED = "email.delivered"
    EMAIL_BOUNCED = "email.bounced"
    EMAIL_COMPLAINED = "email.complained"
    EMAIL_OPENED = "email.opened"
    EMAIL_CLICKED = "email.clicked"
    EMAIL_UNSUBSCRIBED = "email.unsubscribed"
    SMS_SENT = "sms.sent"
    SMS_FAILED = "sms.failed"
    SMS_DELIVERED = "sms.delivered"
    SMS_UNDELIVERED = "sms.undelivered"
    SMS_EXPIRED = "sms.expired"
    SMS_UNSUBSCRIBED = "sms.unsubscribed"
    SMS_RECEIVED = "sms.received"
    CAMPAIGN_STARTED = "campaign.started"
    CAMPAIGN_PAUSED = "campaign.paused"
    CAMPAIGN_RESUMED = "campaign.resumed"
    CAMPAIGN_SENT = "campaign.sent"
    CAMPAIGN_COMPLETED = "campaign.completed"
    CAMPAIGN_CANCELLED = "campaign.cancelled"
    CAMPAIGN_FAILED = "campaign.failed"
    DOMAIN_VERIFIED = "domain.verified"
    DOMAIN_FAILED = "domain.failed"


TEST_EVENT = "webhook.test"
"""What `POST …/test` sends. Nobody asks for it."""


class DeliveryStatus(StrEnum):
    """Where an event stands on its way to one endpoint. `pending`: also between two tries."""

    PENDING = "pending"
    DELIVERED = "delivered"
    FAILED = "failed"  # tried for a day
    DROPPED = "dropped"  # the oldest of a queue that was full


#: By channel and the report's kind. An SMS that did not arrive is reported as failed (or bounced, by some providers).
REPORTED: Mapping[tuple[Channel, ReportKind], EventType] = {
    (Channel.EMAIL, ReportKind.DELIVERED): EventType.EMAIL_DELIVERED,
    (Channel.EMAIL, ReportKind.BOUNCED): EventType.EMAIL_BOUNCED,
    (Channel.EMAIL, ReportKind.COMPLAINED): EventType.EMAIL_COMPLAINED,
    (Channel.EMAIL, ReportKind.OPENED): EventType.EMAIL_OPENED,
    (Channel.EMAIL, ReportKind.CLICKED): EventType.EMAIL_CLICKED,
    (Channel.EMAIL, ReportKind.UNSUBSCRIBED): EventType.EMAIL_UNSUBSCRIBED,
    (Channel.SMS, ReportKind.DELIVERED): EventType.SMS_DELIVERED,
    (Channel.SMS, ReportKind.BOUNCED): EventType.SMS_UNDELIVERED,
    (Channel.SMS, ReportKind.FAILED): EventType.SMS_UNDELIVERED,
    (Channel.SMS, ReportKind.EXPIRED): EventType.SMS_EXPIRED,
    (Channel.SMS, ReportKind.UNSUBSCRIBED): EventType.SMS_UNSUBSCRIBED,
}

SENT: Mapping[Channel, EventType] = {Channel.EMAIL: EventType.EMAIL_SENT, Channel.SMS: EventType.SMS_SENT}
FAILED: Mapping[Channel, EventType] = {Channel.EMAIL: EventType.EMAIL_FAILED, Channel.SMS: EventType.SMS_FAILED}

#: By where the campaign has moved. To `sending`: see `campaign_event`.
_CAMPAIGN_MOVES: Mapping[CampaignStatus, EventType] = {
    CampaignStatus.PAUSED: EventType.CAMPAIGN_PAUSED,
    CampaignStatus.SENT: EventType.CAMPAIGN_SENT,
    CampaignStatus.COMPLETED: EventType.CAMPAIGN_COMPLETED,
    CampaignStatus.CANCELLED: EventType.CAMPAIGN_CANCELLED,
    CampaignStatus.FAILED: EventType.CAMPAIGN_FAILED,
}


def campaign_event(target: CampaignStatus, *, is_new_run: bool) -> EventType | None:
    """What a campaign's move is told as; None where it is not: draft and scheduled. `is_new_run`: not a resume."""
    if target is CampaignStatus.SENDING:
        return EventType.CAMPAIGN_STARTED if is_new_run else EventType.CAMPAIGN_RESUMED
    return _CAMPAIGN_MOVES.get(target)


ENDPOINTS_MAX = 10  # of one organization: each gets its own copy of an event
PAYLOAD_BYTES_MAX = 64 * 1024
ATTEMPTS_SHOWN = 20  # the last ones of a delivery
ANSWER_SHOWN = 1024  # bytes of what the endpoint answered
REPLAY_MAX = 10_000  # deliveries in one request
KEPT_DAYS = 7  # deliveries, whatever became of them
PREVIOUS_SECRET_HOURS = 24
GIVEN_UP_DAYS = 5  # an endpoint that answers nothing but failures

#: Seconds between one try and the next: about a day in all, and most of a day's outage leaves tries.
RETRY_SECONDS = (5.0, 30.0, 120.0, 600.0, 1800.0, 3600.0, 7200.0, 14_400.0, 21_600.0, 28_800.0)
ATTEMPTS_MAX = len(RETRY_SECONDS) + 1
JITTER = 0.2  # so that what failed together is not tried together
RETRY_AFTER_MAX = 6 * 3600.0


def retry_in(attempts: int, chance: float, retry_after: float | None = None) -> float | None:
    """Seconds until the next try after `attempts` failed ones; None when there is none.

    `chance`: a random number from 0 to 1, which moves the wait by up to a fifth. `retry_after`: what the endpoint asked
    for; it makes the wait longer, up to six hours, never shorter.
    """
    if attempts >= ATTEMPTS_MAX:
        return None
    wait = RETRY_SECONDS[max(0, attempts - 1)] * (1 + JITTER * (2 * chance - 1))
    return max(wait, min(retry_after or 0.0, RETRY_AFTER_MAX))


def rest_seconds(failures: int) -> float:
    """How long an endpoint is left alone after so many failures in a row, whatever waits for it: from the fifth on, and
    at most five minutes. One that is dead would keep a place busy with time-outs for each event it has."""
    return 0.0 if failures < 5 else min(300.0, 2.0 ** min(failures - 5, 10))


def message_event_id(message_id: UUID, event: EventType) -> UUID:
    """The id of an event that a message has once: sent, or failed. The same whenever it is worked out, so that what
    is recorded twice is told once. A UUIDv7 with the message's time."""
    digest = int.from_bytes(hashlib.sha256(message_id.bytes + event.encode()).digest()[:10])
    rest = (digest & ~(0xF << 76) & ~(0x3 << 62)) | 0x7 << 76 | 0x2 << 62
    return UUID(int=(message_id.int >> 80) << 80 | rest)
