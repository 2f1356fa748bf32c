"""SES, SendGrid, Postmark and Resend: what is sent, and what each answer means."""

from dataclasses import replace

import orjson
import pytest

from deployments.http_sink import ACCOUNTS, APIS
from deployments.http_sink_protocol import Refused
from tasks.providers.base import OutcomeKind, OutgoingMessage
from tasks.providers.http_exchange import Answer
from tasks.providers.http_provider import Meaning
from tests.support.email_vendors import EMAIL_VENDORS, mail, vendor_of, with_file
from tests.support.http_api import send_by

ACCEPTED, REJECTED, DEFERRED = OutcomeKind.ACCEPTED, OutcomeKind.REJECTED, OutcomeKind.DEFERRED
UNCERTAIN, UNSENT = OutcomeKind.UNCERTAIN, OutcomeKind.UNSENT


@pytest.fixture
def log(tmp_path):
    return tmp_path / "accepted.jsonl"


def meaning(name: str, status: int, body: object, **headers: str) -> Meaning:
    return vendor_of(name).meaning(Answer(status, headers, orjson.dumps(body)))


@pytest.mark.parametrize("vendor", EMAIL_VENDORS)
def test_everybody_gets_it_once_and_has_a_reference(log, vendor):
    messages = mail(vendor, 120)
    sent = send_by(vendor, messages, log)
    assert sent.kinds == [ACCEPTED] * 120
    assert sent.accepted == {message.recipient: 1 for message in messages}
    references = {outcome.provider_ref for outcome in sent.outcomes}
    assert len(references) == (1 if vendor == "sendgrid" else 120)
    assert all(references)


@pytest.mark.parametrize("vendor", EMAIL_VENDORS)
def test_one_bad_address_costs_the_others_nothing(log, vendor):
    messages = mail(vendor, ["user0@example.net", "user1@example.net", "user2@example.net"])
    bad = messages[1]._replace(recipient="nobody")
    messages[1] = bad if bad.merge is None else bad._replace(merge=replace(bad.merge, to="nobody"))
    sent = send_by(vendor, messages, log)
    assert sent.kinds == [ACCEPTED, REJECTED, ACCEPTED]
    assert sent.accepted == {"user0@example.net": 1, "user2@example.net": 1}


@pytest.mark.parametrize("vendor", EMAIL_VENDORS)
def test_a_wrong_key_costs_no_message_and_is_not_shown(log, vendor):
    sent = send_by(vendor, mail(vendor, 3), log, account="wrong:wrong-key")
    assert set(sent.kinds) == {UNSENT}
    assert set(sent.codes) == {"account"}
    assert "wrong-key" not in repr(sent.outcomes)


@pytest.mark.parametrize("vendor", EMAIL_VENDORS)
@pytest.mark.parametrize(
    ("status", "kind"),
    [(400, REJECTED), (429, DEFERRED), (500, UNCERTAIN), (503, DEFERRED)],
)
def test_a_status_is_said_of_all_in_the_call(log, vendor, status, kind):
    sent = send_by(vendor, mail(vendor, 2), log, {"at": "final", "reply": f"{status} Not now", "seconds": 7})
    assert set(sent.kinds) == {kind}
    assert not sent.accepted


@pytest.mark.parametrize("vendor", ["postmark", "sendgrid", "ses"])
def test_what_is_not_answered_is_in_doubt(log, vendor):
    sent = send_by(vendor, mail(vendor, 4), log, {"at": "final", "action": "accept_close"})
    assert set(sent.kinds) == {UNCERTAIN}
    assert sum(sent.accepted.values()) == 4


def test_postmarks_answer_says_of_each_message_what_became_of_it(new_id):
    """The sample of its page on batches, with a code of each kind."""
    taken = {
        "ErrorCode": 0, "Message": "OK", "MessageID": "b7bc2f4a-e38e-4336-af7d-e6c392c2f817",
        "SubmittedAt": "2010-11-26T12:01:05.1794748-05:00", "To": "receiver1@example.com",
    }  # fmt: skip
    codes = {406: REJECTED, 300: REJECTED, 405: UNSENT, 429: DEFERRED, 400: DEFERRED, 12345: REJECTED}
    results = [taken, *({"ErrorCode": code, "Message": "No"} for code in codes)]
    messages = [OutgoingMessage(new_id(), "a@example.com", "b@example.com", b"")] * len(results)
    told = vendor_of("postmark").references(Answer(200, {}, orjson.dumps(results)), messages)
    assert told == [taken["MessageID"], *(Meaning(kind, str(code), "No") for code, kind in codes.items())]
    for short in ([taken], results[:-1], [{}] * len(results), {"ErrorCode": 0}, [{**taken, "MessageID": ""}] * 7):
        assert vendor_of("postmark").references(Answer(200, {}, orjson.dumps(short)), messages) is None


@pytest.mark.parametrize(
    ("vendor", "status", "body", "headers", "kind"),
    [
        ("ses", 400, {"message": "Email address is not verified."}, "MessageRejected", REJECTED),
        ("ses", 400, {"message": "Sending paused for this account."}, "SendingPausedException", UNSENT),
        ("ses", 400, {"message": ""}, "AccountSuspendedException:http://internal.amazon.com/", UNSENT),
        ("ses", 400, {"message": "", "__type": "com.amazonaws#LimitExceededException"}, "", DEFERRED),
        ("ses", 400, {"message": ""}, "MailFromDomainNotVerifiedException", DEFERRED),
        ("ses", 400, {"message": "Maximum sending rate exceeded."}, "ThrottlingException", DEFERRED),
        ("ses", 400, {}, "", None),
        ("sendgrid", 400, {"errors": [{"message": "Bad", "field": "subject"}]}, "", None),
        ("sendgrid", 403, {"errors": [{"message": "No verified Sender Identity", "field": "from"}]}, "", DEFERRED),
        ("sendgrid", 403, {"errors": [{"message": "access forbidden", "field": None}]}, "", None),
        ("sendgrid", 401, {}, "", None),
        ("postmark", 422, {"ErrorCode": 406, "Message": "inactive"}, "", REJECTED),
        ("postmark", 422, {"ErrorCode": 405, "Message": "no credit"}, "", UNSENT),
        ("postmark", 422, {"ErrorCode": 400, "Message": "no signature"}, "", DEFERRED),
        ("postmark", 413, "", "", REJECTED),
        ("postmark", 500, {"ErrorCode": 300}, "", None),
        ("resend", 429, {"name": "rate_limit_exceeded"}, "", DEFERRED),
        ("resend", 429, {"name": "daily_quota_exceeded"}, "", UNSENT),
        ("resend", 409, {"name": "concurrent_idempotent_requests"}, "", UNCERTAIN),
        ("resend", 403, {"name": "validation_error", "message": "The a.example domain is not verified."}, "", DEFERRED),
        ("resend", 400, {"name": "validation_error", "message": "API key is invalid"}, "", UNSENT),
        ("resend", 422, {"name": "invalid_from_address", "message": "Invalid `from` field."}, "", None),
    ],
)
def test_what_an_error_means(vendor, status, body, headers, kind):
    assert meaning(vendor, status, body, **({"x-amzn-errortype": headers} if headers else {})).kind is kind


@pytest.mark.parametrize("vendor", ["postmark", "resend", "sendgrid"])
def test_a_message_with_a_file_says_what_its_mime_says(vendor):
    message = with_file()
    [call] = vendor_of(vendor).calls([message])
    said = orjson.loads(call.request.body)
    text = call.request.body.decode()
    for word in ("Žinios", "news@example.com", "anna@example.net", "Anna", "Files", "Hello", "a.pdf", "JVBERg=="):
        assert word in text
    assert "application/pdf" in text
    headers = {each["Name"]: each["Value"] for each in said["Headers"]} if vendor == "postmark" else said["headers"]
    assert headers == {"List-Unsubscribe": "<https://example.com/u>"}
    assert str(message.id) in text


def test_postmark_takes_five_hundred_in_a_call_and_names_the_stream():
    calls = vendor_of("postmark", "/broadcast").calls(mail("postmark", 501))
    assert [len(call.places) for call in calls] == [500, 1]
    assert {each["MessageStream"] for each in orjson.loads(calls[0].request.body)} == {"broadcast"}


@pytest.mark.parametrize("vendor", EMAIL_VENDORS)
def test_the_apis_of_the_sink_refuse_what_the_vendors_refuse(vendor):
    user, _, secret = ACCOUNTS[vendor].partition(":")
    found = APIS[vendor]((user, secret)).handle("/", {"user-agent": "x"}, b"{}")
    assert isinstance(found, Refused)
    assert found.status in {401, 403}
