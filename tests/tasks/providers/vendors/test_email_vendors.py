"""SES, SendGrid, Postmark and Resend: what is sent, and what each answer means."""

from dataclasses import replace

import orjson
import pytest

from deployments.http_sink import ACCOUNTS, APIS
from deployments.http_sink_protocol import Refused, Taken
from tasks.providers.account import parse_account
from tasks.providers.base import Merge, MergeContent, OutcomeKind, OutgoingMessage
from tasks.providers.http_exchange import Answer
from tasks.providers.http_provider import Meaning, Vendor
from tasks.providers.vendors.postmark import Postmark
from tasks.providers.vendors.resend import Resend
from tasks.providers.vendors.sendgrid import SendGrid
from tasks.providers.vendors.ses import Ses
from tests.support.http_api import send_by

ACCEPTED, REJECTED, DEFERRED = OutcomeKind.ACCEPTED, OutcomeKind.REJECTED, OutcomeKind.DEFERRED
UNCERTAIN, UNSENT = OutcomeKind.UNCERTAIN, OutcomeKind.UNSENT
VENDORS = {"postmark": Postmark, "resend": Resend, "sendgrid": SendGrid, "ses": Ses}
CONTENT = MergeContent("News <news@example.com>", "re@example.com", (0,), ("Hello ", 1), ("<p>", 1, "</p>"))
MIME = (
    b"From: =?utf-8?q?=C5=BDinios?= <news@example.com>\r\nTo: Anna <anna@example.net>\r\nSubject: Files\r\n"
    b"List-Unsubscribe: <https://example.com/u>\r\nMessage-ID: <1@example.com>\r\nMIME-Version: 1.0\r\n"
    b'Content-Type: multipart/mixed; boundary="b"\r\n\r\n--b\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n'
    b'Hello\r\n--b\r\nContent-Type: application/pdf\r\nContent-Disposition: attachment; filename="a.pdf"\r\n'
    b"Content-Transfer-Encoding: base64\r\n\r\nJVBERg==\r\n--b--\r\n"
)


@pytest.fixture
def log(tmp_path):
    return tmp_path / "accepted.jsonl"


@pytest.fixture
def mail(new_id, make_messages):
    """Messages as a vendor gets them: of one content, or whole."""

    def make(vendor, recipients):
        if isinstance(recipients, int):
            recipients = [f"user{number}@example.net" for number in range(recipients)]
        if vendor == "ses":
            return make_messages(recipients)
        return [
            OutgoingMessage(new_id(), "news@example.com", who, b"", merge=Merge(CONTENT, (f"Hi {who}", who), who))
            for who in recipients
        ]

    return make


def vendor_of(name: str, options: str = "") -> Vendor:
    return VENDORS[name](parse_account("EXOSEND_EMAIL_URL", f"{name}://{ACCOUNTS[name]}@127.0.0.1{options}"))


def meaning(name: str, status: int, body: object, **headers: str) -> Meaning:
    return vendor_of(name).meaning(Answer(status, headers, orjson.dumps(body)))


@pytest.mark.parametrize("vendor", VENDORS)
def test_everybody_gets_it_once_and_has_a_reference(log, mail, vendor):
    messages = mail(vendor, 120)
    sent = send_by(vendor, messages, log)
    assert sent.kinds == [ACCEPTED] * 120
    assert sent.accepted == {message.recipient: 1 for message in messages}
    references = {outcome.provider_ref for outcome in sent.outcomes}
    assert len(references) == (1 if vendor == "sendgrid" else 120)
    assert all(references)


@pytest.mark.parametrize("vendor", VENDORS)
def test_one_bad_address_costs_the_others_nothing(log, mail, vendor):
    messages = mail(vendor, ["user0@example.net", "user1@example.net", "user2@example.net"])
    bad = replace(messages[1], recipient="nobody")
    messages[1] = bad if bad.merge is None else replace(bad, merge=replace(bad.merge, to="nobody"))
    sent = send_by(vendor, messages, log)
    assert sent.kinds == [ACCEPTED, REJECTED, ACCEPTED]
    assert sent.accepted == {"user0@example.net": 1, "user2@example.net": 1}


@pytest.mark.parametrize("vendor", VENDORS)
def test_a_wrong_key_costs_no_message_and_is_not_shown(log, mail, vendor):
    sent = send_by(vendor, mail(vendor, 3), log, account="wrong:wrong-key")
    assert set(sent.kinds) == {UNSENT}
    assert set(sent.codes) == {"account"}
    assert "wrong-key" not in repr(sent.outcomes)


@pytest.mark.parametrize("vendor", VENDORS)
@pytest.mark.parametrize(
    ("status", "kind"),
    [(400, REJECTED), (429, DEFERRED), (500, UNCERTAIN), (503, DEFERRED)],
)
def test_a_status_is_said_of_all_in_the_call(log, mail, vendor, status, kind):
    sent = send_by(vendor, mail(vendor, 2), log, {"at": "final", "reply": f"{status} Not now", "seconds": 7})
    assert set(sent.kinds) == {kind}
    assert not sent.accepted


@pytest.mark.parametrize("vendor", ["postmark", "sendgrid", "ses"])
def test_what_is_not_answered_is_in_doubt(log, mail, vendor):
    sent = send_by(vendor, mail(vendor, 4), log, {"at": "final", "action": "accept_close"})
    assert set(sent.kinds) == {UNCERTAIN}
    assert sum(sent.accepted.values()) == 4


@pytest.mark.parametrize("action", ["accept_close", "accept_garbage", "close"])
def test_resend_is_asked_again_under_the_same_key(log, mail, action):
    """Once it does not answer; the second request gets the first one's answer, or is the first."""
    sent = send_by("resend", mail("resend", 4), log, {"at": "final", "action": action, "first": 1})
    assert sent.kinds == [ACCEPTED] * 4
    assert set(sent.accepted.values()) == {1}


def test_what_resend_does_not_answer_twice_is_in_doubt(log, mail):
    sent = send_by("resend", mail("resend", 4), log, {"at": "final", "action": "accept_close"})
    assert sent.kinds == [UNCERTAIN] * 4


def test_a_no_to_the_second_request_says_nothing_of_the_first(log, mail):
    faults = [
        {"at": "final", "action": "accept_close", "first": 1},
        {"at": "final", "action": "reply", "reply": "429 Too many"},
    ]
    sent = send_by("resend", mail("resend", 4), log, *faults)
    assert sent.kinds == [UNCERTAIN] * 4
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


def test_resends_answer_says_what_is_wrong_with_which(new_id):
    """The sample of its page on validation modes."""
    answer = {
        "data": [{"id": "ae2014de-c168-4c61-8267-70d2662a1ce1"}],
        "errors": [{"index": 1, "message": "The `to` field is missing."}],
    }
    messages = [OutgoingMessage(new_id(), "a@example.com", "b@example.com", b"")] * 2
    told = vendor_of("resend").references(Answer(200, {}, orjson.dumps(answer)), messages)
    assert told == [
        "ae2014de-c168-4c61-8267-70d2662a1ce1",
        Meaning(REJECTED, "validation_error", "The `to` field is missing."),
    ]
    for short in ({"data": []}, {}, [], {"data": answer["data"]}):
        assert vendor_of("resend").references(Answer(200, {}, orjson.dumps(short)), messages) is None


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
def test_a_message_with_a_file_says_what_its_mime_says(new_id, vendor):
    message = OutgoingMessage(new_id(), "news@example.com", "anna@example.net", MIME)
    [call] = vendor_of(vendor).calls([message])
    said = orjson.loads(call.request.body)
    text = call.request.body.decode()
    for word in ("Žinios", "news@example.com", "anna@example.net", "Anna", "Files", "Hello", "a.pdf", "JVBERg=="):
        assert word in text
    assert "application/pdf" in text
    headers = {each["Name"]: each["Value"] for each in said["Headers"]} if vendor == "postmark" else said["headers"]
    assert headers == {"List-Unsubscribe": "<https://example.com/u>"}
    assert str(message.id) in text


def test_what_goes_with_files_goes_alone_by_resend(new_id, mail):
    whole = OutgoingMessage(new_id(), "news@example.com", "anna@example.net", MIME)
    messages = [*mail("resend", 150), whole]
    calls = vendor_of("resend").calls(messages)
    assert sorted((len(call.places), call.request.target) for call in calls) == [
        (1, "/emails"),
        (50, "/emails/batch"),
        (100, "/emails/batch"),
    ]
    keys = [dict(call.request.headers)["Idempotency-Key"] for call in calls]
    assert str(whole.id) in keys
    assert keys == [dict(call.request.headers)["Idempotency-Key"] for call in vendor_of("resend").calls(messages)]


def test_postmark_takes_five_hundred_in_a_call_and_names_the_stream(mail):
    calls = vendor_of("postmark", "/broadcast").calls(mail("postmark", 501))
    assert [len(call.places) for call in calls] == [500, 1]
    assert {each["MessageStream"] for each in orjson.loads(calls[0].request.body)} == {"broadcast"}


@pytest.mark.parametrize("values", [("-x.0-", "{{ city }}"), ("<%asm%>", "[unsubscribe]"), ("a\nb", "Ąž \u2028")])
def test_sendgrid_puts_each_value_where_its_place_is(mail, values):
    messages = [
        replace(message, merge=replace(message.merge, values=values, to="Anna, B; <" + message.recipient + ">"))
        for message in mail("sendgrid", 3)
    ]
    messages[0] = replace(messages[0], merge=replace(messages[0].merge, to='"Anna, B;" <user0@example.net>'))
    messages = [messages[0], *mail("sendgrid", 5)[3:]]
    user, _, key = ACCOUNTS["sendgrid"].partition(":")
    api = APIS["sendgrid"]((user, key))
    api.kept = {}
    vendor = vendor_of("sendgrid")
    for call in vendor.calls(messages):
        headers = {name.lower(): value for name, value in vendor.server.headers}
        found = api.handle(call.request.target, headers, call.request.body)
        assert isinstance(found, Taken), found
    got = api.kept["user0@example.net"]
    assert (got["subject"], got["text/plain"], got["text/html"]) == (
        values[0],
        f"Hello {values[1]}",
        f"<p>{values[1]}</p>",
    )
    assert got["to"] == {"email": "user0@example.net", "name": "Anna B"}
    assert got["reply_to"] == {"email": "re@example.com"}
    assert got["custom_args"] == {"exosend-id": str(messages[0].id)}


def test_sendgrid_gives_nobody_two_in_a_call_nor_more_values_than_it_takes(mail):
    vendor = vendor_of("sendgrid")
    twice = mail("sendgrid", ["a@example.net", "A@example.net", "b@example.net"])
    assert sorted(len(call.places) for call in vendor.calls(twice)) == [1, 2]
    long = [replace(each, merge=replace(each.merge, values=("S", "x" * 9000))) for each in mail("sendgrid", 2)]
    assert [len(call.places) for call in vendor.calls(long)] == [1, 1]
    assert [len(call.places) for call in vendor.calls(mail("sendgrid", 1001))] == [1000, 1]


@pytest.mark.parametrize("vendor", VENDORS)
def test_the_apis_of_the_sink_refuse_what_the_vendors_refuse(vendor):
    user, _, secret = ACCOUNTS[vendor].partition(":")
    found = APIS[vendor]((user, secret)).handle("/", {"user-agent": "x"}, b"{}")
    assert isinstance(found, Refused)
    assert found.status in {401, 403}
