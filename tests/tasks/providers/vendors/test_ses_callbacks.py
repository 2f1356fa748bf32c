"""What SES says through SNS: whose it is, whether it is real, and what it means."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import orjson
import pytest

from deployments.http_sink_ses import CERTIFICATE_URL, confirmation, notification, signed_callback
from models.rules.reports import ReportKind
from tasks.providers.callback_reader import CallbackReader, NotFetched
from tasks.providers.callbacks import Callback, Confirmation, ForgedCallback, ProviderEvent, UnreadableCallback
from tasks.providers.vendors import ses

AT = datetime(2026, 11, 30, 12, 0, 5, tzinfo=UTC)
TOPIC = "arn:aws:sns:eu-west-1:123456789012:exosend"
URL = "https://exosend.example/webhooks/ses/default"
MAIL = {
    "timestamp": "2017-08-05T00:40:02.012Z",
    "messageId": "EXAMPLE7c191be45-e9aedb9a-02f9-4d12-a87d-dd0099a07f8a-000000",
    "destination": ["recipient@example.com"],
    "tags": {"ses:configuration-set": ["ConfigSet"], "exosend-id": ["01932f2b-0000-7000-8000-000000000001"]},
}


def told(record: dict[str, object]) -> list[ProviderEvent]:
    found = ses.read_callback(notification(record, url=URL, topic=TOPIC, at=AT), [TOPIC])
    assert all(isinstance(each, ProviderEvent) for each in found)
    return found  # type: ignore[return-value]


def test_the_bounce_of_the_documentation():
    bounce = {
        "bounceType": "Permanent",
        "bounceSubType": "General",
        "bouncedRecipients": [
            {
                "emailAddress": "recipient@example.com",
                "action": "failed",
                "status": "5.1.1",
                "diagnosticCode": "smtp; 550 5.1.1 user unknown",
            }
        ],
        "timestamp": "2017-08-05T00:41:02.669Z",
        "feedbackId": "01000157c44f053b-61b59c11-9236-11e6-8f96-7be8aexample-000000",
        "reportingMTA": "dsn; mta.example.com",
    }
    [event] = told({"eventType": "Bounce", "bounce": bounce, "mail": MAIL})
    assert (event.kind, event.recipient, event.provider_ref) == (
        ReportKind.BOUNCED,
        "recipient@example.com",
        MAIL["messageId"],
    )
    assert str(event.message_id) == MAIL["tags"]["exosend-id"][0]
    assert event.payload == {"bounce_type": "hard", "code": "5.1.1", "reason": "smtp; 550 5.1.1 user unknown"}
    assert event.occurred_at == datetime(2017, 8, 5, 0, 41, 2, 669000, UTC)
    # An identity's own topic reports the same bounce, without tags, in a notification of its own: it is one event.
    [again] = told({"notificationType": "Bounce", "bounce": bounce, "mail": {**MAIL, "tags": {}}})
    assert again.key == event.key
    assert again.message_id is None


def _bounce(**values: str) -> dict[str, object]:
    return {"eventType": "Bounce", "bounce": values}


def _complaint(**values: str) -> dict[str, object]:
    return {"eventType": "Complaint", "complaint": values}


def _subscription(is_farewell: bool) -> dict[str, object]:
    return {"eventType": "Subscription", "subscription": {"newTopicPreferences": {"unsubscribeAll": is_farewell}}}


@pytest.mark.parametrize(
    ("record", "kind", "type_"),
    [
        (_bounce(bounceType="Transient", bounceSubType="MailboxFull"), "bounced", "soft"),
        (_bounce(bounceType="Undetermined", bounceSubType="Undetermined"), "bounced", "soft"),
        (_bounce(bounceType="Permanent", bounceSubType="Suppressed"), "bounced", "hard"),
        ({"eventType": "Reject", "reject": {"reason": "Bad content"}}, "bounced", "soft"),
        (_complaint(complaintSubType="OnAccountSuppressionList"), "bounced", "hard"),
        (_complaint(complaintFeedbackType="abuse"), "complained", None),
        (_complaint(complaintFeedbackType="not-spam"), None, None),
        (_subscription(True), "unsubscribed", None),
        (_subscription(False), None, None),
        ({"eventType": "Send", "send": {}}, None, None),
        ({"eventType": "DeliveryDelay", "deliveryDelay": {"delayType": "MailboxFull"}}, None, None),
        ({"eventType": "Rendering Failure", "failure": {}}, None, None),
    ],
)
def test_what_each_record_is(record, kind, type_):
    events = told({**record, "mail": MAIL})
    assert [event.kind for event in events] == ([kind] if kind else [])
    assert [event.payload.get("bounce_type") for event in events] == ([type_] if kind else [])


def test_what_is_no_record_is_of_no_interest_or_unreadable():
    text = "Successfully validated SNS topic for Amazon SES event publishing."
    assert ses.read_callback(notification(text, url=URL, topic=TOPIC, at=AT), [TOPIC]) == []
    with pytest.raises(UnreadableCallback):
        ses.read_callback(notification("{", url=URL, topic=TOPIC, at=AT), [TOPIC])


def test_both_versions_of_the_signature_are_believed_and_no_other():
    for version in ("1", "2"):
        assert ses.read_callback(notification({}, url=URL, topic=TOPIC, at=AT, version=version), [TOPIC]) == []
    with pytest.raises(ForgedCallback):
        ses.read_callback(notification({}, url=URL, topic=TOPIC, at=AT, version="3"), [TOPIC])


def test_a_subscription_is_confirmed_at_an_address_of_sns_alone():
    [told] = ses.read_callback(confirmation(url=URL, topic=TOPIC, at=AT), [TOPIC])
    assert isinstance(told, Confirmation)
    assert told.url.startswith("https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription&TopicArn=arn:aws:sns:")
    for address_ in (
        "https://sns.eu-west-1.amazonaws.com.evil.example/?Action=ConfirmSubscription&Token=1",
        "https://evil.example/?Action=ConfirmSubscription&Token=1",
        "http://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription&Token=1",
        "https://sns.eu-west-1.amazonaws.com/?Action=DeleteTopic&Token=1",
        "https://sns.eu-west-1.amazonaws.com@evil.example/?Action=ConfirmSubscription&Token=1",
        "",
    ):
        fields = {"Type": "SubscriptionConfirmation", "Token": "1", "SubscribeURL": address_, "Message": ""}
        with pytest.raises(ForgedCallback):
            ses.read_callback(signed_callback(fields, url=URL, topic=TOPIC, at=AT), [TOPIC])


@pytest.mark.parametrize(
    "address_",
    [
        "http://sns.eu-west-1.amazonaws.com/SimpleNotificationService-0123456789abcdef.pem",
        "https://sns.eu-west-1.amazonaws.com.evil.example/SimpleNotificationService-0123456789abcdef.pem",
        "https://evil.amazonaws.com/SimpleNotificationService-0123456789abcdef.pem",
        "https://s3.eu-west-1.amazonaws.com/bucket/SimpleNotificationService-0123456789abcdef.pem",
        "https://sns.eu-west-1.amazonaws.com/../SimpleNotificationService-0123456789abcdef.pem",
        "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-0123456789abcdef.pem?x=1",
        "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-0123456789abcdef.pem\n",
        "https://sns.eu-west-1.amazonaws.com:8443/SimpleNotificationService-0123456789abcdef.pem",
        "file:///etc/passwd",
        "",
    ],
)
def test_a_certificate_is_fetched_from_sns_alone(address_):
    fields = {"Type": "Notification", "Message": "{}", "SigningCertURL": address_}
    with pytest.raises(ForgedCallback):
        ses.certificate_url(signed_callback(fields, url=URL, topic=TOPIC, at=AT), [TOPIC])


def test_nothing_is_fetched_for_a_topic_of_somebody_else():
    def fetch(_url: str) -> bytes:
        raise AssertionError("nothing is to be fetched")

    callback = notification({}, url=URL, topic="arn:aws:sns:eu-west-1:1:x", at=AT)
    with pytest.raises(ForgedCallback):
        CallbackReader(fetch).read(ses, callback, [TOPIC])


def test_a_certificate_is_fetched_once_and_used():
    fetched = []
    callback = notification({}, url=URL, topic=TOPIC, at=AT)
    certificate = callback.certificate or b""
    bare = replace(callback, certificate=None)

    def fetch(url: str) -> bytes:
        fetched.append(url)
        return certificate

    reader = CallbackReader(fetch)
    assert reader.read(ses, bare, [TOPIC]) == reader.read(ses, bare, [TOPIC]) == []
    assert fetched == [CERTIFICATE_URL]
    with pytest.raises(ForgedCallback):
        CallbackReader(lambda _: b"no certificate").read(ses, bare, [TOPIC])


def test_a_certificate_that_has_run_out_is_not_believed():
    callback = notification({}, url=URL, topic=TOPIC, at=AT)
    with pytest.raises(ForgedCallback):
        ses.read_callback(replace(callback, received_at=AT + timedelta(days=366 * 80)), [TOPIC])


def test_addresses_that_do_not_exist_are_asked_for_a_few_times_a_minute():
    asked = []

    def fetch(url: str) -> bytes:
        asked.append(url)
        raise NotFetched("404")

    reader = CallbackReader(fetch)
    for number in range(50):
        with pytest.raises(NotFetched):
            reader.read(ses, _with_certificate(number), [TOPIC])
    assert len(asked) == 20


def _with_certificate(number: int) -> Callback:
    url = f"https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-{number:032x}.pem"
    body = {"Type": "Notification", "TopicArn": TOPIC, "SigningCertURL": url}
    return Callback(URL, {}, orjson.dumps(body), AT)
