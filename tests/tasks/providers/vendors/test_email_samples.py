"""What the pages of email vendors show as examples, and what each class of bounce is."""

import base64
import hashlib
import hmac
from datetime import UTC, datetime

import orjson
import pytest
from standardwebhooks import Webhook

from deployments.http_sink_sendgrid import VERIFICATION_KEY, signed_callback
from models.rules.reports import ReportKind
from tasks.providers.callbacks import Callback, ProviderEvent
from tasks.providers.vendors import mailgun, postmark, resend, sendgrid

AT = datetime(2026, 11, 30, 12, 0, 5, tzinfo=UTC)
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"  # the one of Svix's documentation


def by_mailgun(event: dict[str, object]) -> list[ProviderEvent]:
    stamp, token = str(int(AT.timestamp())), "f76459edb74daa81dc3f2733a9ba3e0cbef22a3e6e82a30a36"
    signature = hmac.new(b"key", f"{stamp}{token}".encode(), hashlib.sha256).hexdigest()
    signed = {"timestamp": stamp, "token": token, "signature": signature}
    body = orjson.dumps({"signature": signed, "event-data": event})
    return mailgun.read_callback(Callback("", {}, body, AT), ["key"])


def by_postmark(record: dict[str, object]) -> list[ProviderEvent]:
    headers = {"authorization": "Basic " + base64.b64encode(b"user:password").decode()}
    return postmark.read_callback(Callback("", headers, orjson.dumps(record), AT), ["user:password"])


def by_resend(document: dict[str, object]) -> list[ProviderEvent]:
    body = orjson.dumps(document)
    headers = {
        "svix-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "svix-timestamp": str(int(AT.timestamp())),
        "svix-signature": Webhook(SECRET).sign("msg_p5jXN8AQM9LWM0D4loKWxJek", AT, body.decode()),
    }
    return resend.read_callback(Callback("", headers, body, AT), [SECRET])


def by_sendgrid(*events: dict[str, object]) -> list[ProviderEvent]:
    return sendgrid.read_callback(signed_callback(orjson.dumps(events), "", AT), [VERIFICATION_KEY])


def test_mailguns_permanent_failure():
    [event] = by_mailgun(
        {
            "severity": "permanent",
            "tags": ["my_tag_1"],
            "timestamp": 1521233195.375624,
            "recipient": "alice@example.com",
            "event": "failed",
            "reason": "suppress-bounce",
            "delivery-status": {
                "message": "",
                "code": 605,
                "description": "Not delivering to previously bounced address",
            },
            "message": {"headers": {"to": "Alice <alice@example.com>", "message-id": "2013.13651.20287@x.com"}},
            "user-variables": [],
            "id": "G9Bn5sl1TC6nu79C8C0bwg",
        }
    )
    assert (event.kind, event.message_id) == (ReportKind.BOUNCED, None)
    assert event.provider_ref == "2013.13651.20287@x.com"
    assert event.payload == {
        "bounce_type": "hard",
        "code": "605",
        "reason": "Not delivering to previously bounced address",
    }


@pytest.mark.parametrize(
    ("values", "type_"),
    [
        ({"severity": "permanent", "reason": "bounce"}, "hard"),
        ({"severity": "permanent", "reason": "suppress-complaint"}, "hard"),
        ({"severity": "permanent", "reason": "old"}, "soft"),
        ({"severity": "permanent", "reason": "generic"}, "soft"),
        ({"severity": "temporary", "reason": "greylisted"}, None),
    ],
)
def test_mailguns_failures(values, type_):
    events = by_mailgun({"event": "failed", "timestamp": 1521233195.3, **values})
    assert [event.payload["bounce_type"] for event in events] == ([type_] if type_ else [])


def test_what_mailgun_says_of_other_things_is_of_no_interest():
    for name in ("accepted", "stored", "list_uploaded"):
        assert by_mailgun({"event": name, "timestamp": 1521233195.3}) == []


def test_postmarks_bounce():
    sample = {
        "RecordType": "Bounce",
        "ID": 42,
        "Type": "HardBounce",
        "TypeCode": 1,
        "Name": "Hard bounce",
        "MessageID": "883953f4-6105-42a2-a16a-77a8eac79483",
        "Details": "Test bounce details",
        "Email": "john@example.com",
        "BouncedAt": "2014-08-01T13:28:10.2735393-04:00",
        "Inactive": True,
        "Metadata": {"user_id": 43},
    }
    [event] = by_postmark(sample)
    assert (event.key, event.kind, event.recipient) == ("Bounce:42", ReportKind.BOUNCED, "john@example.com")
    assert event.occurred_at == datetime(2014, 8, 1, 17, 28, 10, 273539, UTC)
    assert event.payload == {"bounce_type": "hard", "code": "HardBounce", "reason": "Test bounce details"}


@pytest.mark.parametrize(
    ("type_", "kind", "bounce"),
    [
        ("BadEmailAddress", "bounced", "hard"),
        ("ManuallyDeactivated", "bounced", "hard"),
        ("SoftBounce", "bounced", "soft"),
        ("SpamNotification", "bounced", "soft"),
        ("Blocked", "bounced", "soft"),
        ("DnsError", "bounced", "soft"),
        ("Unknown", "bounced", "soft"),
        ("SpamComplaint", "complained", None),
        ("Unsubscribe", "unsubscribed", None),
        ("AutoResponder", None, None),
        ("AddressChange", None, None),
    ],
)
def test_postmarks_types_of_bounces(type_, kind, bounce):
    events = by_postmark({"RecordType": "Bounce", "ID": 1, "Type": type_, "BouncedAt": "2014-08-01T13:28:10Z"})
    assert [event.kind for event in events] == ([kind] if kind else [])
    assert [event.payload.get("bounce_type") for event in events] == ([bounce] if kind else [])


@pytest.mark.parametrize(
    ("values", "is_farewell"),
    [
        ({"SuppressSending": True, "SuppressionReason": "ManualSuppression", "Origin": "Recipient"}, True),
        ({"SuppressSending": True, "SuppressionReason": "ManualSuppression", "Origin": "Customer"}, False),
        ({"SuppressSending": True, "SuppressionReason": "HardBounce", "Origin": "Recipient"}, False),
        ({"SuppressSending": False, "SuppressionReason": None, "Origin": "Recipient"}, False),
    ],
)
def test_who_leaves_by_postmark(values, is_farewell):
    record = {"RecordType": "SubscriptionChange", "Recipient": "a@b.example", "ChangedAt": "2020-02-01T10:53:34.4Z"}
    assert bool(by_postmark({**record, **values})) is is_farewell


@pytest.mark.parametrize(
    ("name", "more", "kind", "bounce"),
    [
        ("email.bounced", {"bounce": {"type": "Permanent", "subType": "General", "message": "No"}}, "bounced", "hard"),
        ("email.bounced", {"bounce": {"type": "Transient", "subType": "MailboxFull"}}, "bounced", "soft"),
        ("email.bounced", {"bounce": {"message": "Of an older format"}}, "bounced", "hard"),
        ("email.suppressed", {"suppressed": {"type": "OnAccountSuppressionList", "message": "No"}}, "bounced", "hard"),
        ("email.failed", {"failed": {"reason": "reached_daily_quota"}}, "bounced", "soft"),
        ("email.complained", {}, "complained", None),
        ("email.sent", {}, None, None),
        ("email.delivery_delayed", {}, None, None),
        ("contact.updated", {"unsubscribed": True}, None, None),
    ],
)
def test_resends_events(name, more, kind, bounce):
    data = {"created_at": "2023-02-22T23:41:11.894719+00:00", "email_id": "56761188-7520-42d8-8898-ff6fc54ce618"}
    document = {"type": name, "created_at": "2023-02-22T23:41:12.126Z", "data": {**data, "to": ["a@b.example"], **more}}
    events = by_resend(document)
    assert [event.kind for event in events] == ([kind] if kind else [])
    assert [event.payload.get("bounce_type") for event in events] == ([bounce] if kind else [])
    assert all(event.provider_ref == data["email_id"] for event in events)


@pytest.mark.parametrize(
    ("values", "bounce"),
    [
        ({"event": "bounce", "type": "bounce", "reason": "500 unknown recipient", "status": "5.0.0"}, "hard"),
        ({"event": "bounce", "type": "bounce", "bounce_classification": "Invalid Address"}, "hard"),
        ({"event": "bounce", "type": "bounce", "bounce_classification": "Mailbox Unavailable"}, "soft"),
        ({"event": "bounce", "type": "blocked", "bounce_classification": "Content"}, "soft"),
        ({"event": "dropped", "reason": "Bounced Address", "status": "5.0.0"}, "hard"),
        ({"event": "dropped", "reason": "Unsubscribed Address"}, "hard"),
        ({"event": "dropped", "reason": "Recipient List over Package Quota"}, "soft"),
        ({"event": "deferred", "response": "400 try again later", "attempt": "5"}, None),
        ({"event": "processed"}, None),
    ],
)
def test_sendgrids_bounces(values, bounce):
    sample = {
        "email": "example@test.com",
        "timestamp": 1513299569,
        "smtp-id": "<14c5d75ce93.dfd.64b469@ismtpd-555>",
        "category": "cat facts",
        "sg_event_id": "sg_event_id",
        "sg_message_id": "14c5d75ce93.dfd.64b469.filter0001.16648.5515E0B88.0",
    }
    events = by_sendgrid({**sample, **values})
    assert [event.payload["bounce_type"] for event in events] == ([bounce] if bounce else [])
    assert all(event.provider_ref == "14c5d75ce93.dfd.64b469" for event in events)
