"""The APIs of the HTTP sink say what the vendors document."""

import base64
from urllib.parse import urlencode

import orjson
import pytest

from deployments.http_sink_mailgun import MailgunApi
from deployments.http_sink_protocol import Refused, Taken
from deployments.http_sink_twilio import TwilioApi
from tasks.providers.form_data import form_data

SID = "AC" + 32 * "0"
MESSAGES = f"/2010-04-01/Accounts/{SID}/Messages.json"
FORM = "application/x-www-form-urlencoded"
WHOLE = {"To": "+37120000001", "From": "EXOSMS", "Body": "Hi"}


def basic(user: str, secret: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{secret}".encode()).decode()


@pytest.mark.parametrize(
    ("changes", "target", "secret", "status", "code"),
    [
        ({}, MESSAGES, "wrong", 401, 20003),
        ({}, "/2010-04-01/Accounts/AC1/Messages.json", "token", 404, 20404),
        ({"To": ""}, MESSAGES, "token", 400, 21604),
        ({"To": "12"}, MESSAGES, "token", 400, 21211),
        ({"From": ""}, MESSAGES, "token", 400, 21603),
        ({"Body": ""}, MESSAGES, "token", 400, 21602),
        ({"Body": "x" * 1601}, MESSAGES, "token", 400, 21617),
    ],
)
def test_twilio_refuses_with_its_code(changes, target, secret, status, code):
    headers = {"authorization": basic(SID, secret), "content-type": FORM}
    found = TwilioApi((SID, "token")).handle(target, headers, urlencode({**WHOLE, **changes}).encode())
    assert isinstance(found, Refused)
    body = orjson.loads(found.answer)
    assert (found.status, body["code"], body["status"]) == (status, code, status)
    assert body["more_info"] == f"https://www.twilio.com/docs/errors/{code}"


def test_twilio_takes_a_message():
    headers = {"authorization": basic(SID, "token"), "content-type": FORM}
    found = TwilioApi((SID, "token")).handle(MESSAGES, headers, urlencode(WHOLE).encode())
    assert isinstance(found, Taken)
    assert (found.status, found.recipients, orjson.loads(found.answer)["status"]) == (201, ["+37120000001"], "queued")


def mailgun(fields, *, path="messages", key="key"):
    kind, body = form_data(fields)
    headers = {"authorization": basic("api", key), "content-type": kind}
    return MailgunApi(("api", "key")).handle(f"/v3/example.com/{path}", headers, body)


MAIL = [("from", "a@example.com"), ("to", "b@example.com"), ("subject", "S"), ("text", "T")]


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        (MAIL[1:], "from parameter is missing"),
        ([*MAIL[:1], *MAIL[2:]], "to parameter is missing"),
        (MAIL[:3], "Need at least one of"),
        ([*MAIL, ("to", "nobody")], "not a valid address"),
        ([*MAIL, *(("to", f"u{number}@example.com") for number in range(1000))], "max is 1000"),
        ([*MAIL, ("recipient-variables", "[1]")], "recipient-variables"),
        ([*MAIL, ("v:x", "y" * 20_000)], "16 kB"),
    ],
)
def test_mailgun_says_what_is_wrong(fields, says):
    found = mailgun(fields)
    assert isinstance(found, Refused)
    assert found.status == 400
    assert says in orjson.loads(found.answer)["message"]


def test_mailgun_takes_a_message_and_a_whole_one():
    for found in (mailgun(MAIL), mailgun([MAIL[1], ("message", b"Subject: S\r\n\r\nT")], path="messages.mime")):
        assert isinstance(found, Taken)
        assert found.recipients == ["b@example.com"]
        assert orjson.loads(found.answer)["message"] == "Queued. Thank you."


def test_mailgun_forbids_a_wrong_key_and_knows_its_domains():
    assert mailgun(MAIL, key="other").status == 401
    assert mailgun(MAIL, path="other").status == 404
