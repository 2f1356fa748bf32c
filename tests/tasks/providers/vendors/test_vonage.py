"""Vonage: what is sent, and what each answer means."""

import base64

import orjson
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256

from models.errors import SetupError
from tasks.providers.account import ProviderAccount
from tasks.providers.base import OutcomeKind
from tasks.providers.http_exchange import Answer
from tasks.providers.vendors.vonage import Vonage
from tests.support.http_api import account_at, send_by, texts

ACCEPTED, REJECTED, DEFERRED = OutcomeKind.ACCEPTED, OutcomeKind.REJECTED, OutcomeKind.DEFERRED
UNCERTAIN, UNSENT = OutcomeKind.UNCERTAIN, OutcomeKind.UNSENT
BAD = "+37120000666"
APPLICATION = "78d335fa-323d-0114-9c3d-d6f0d48968cf"


@pytest.fixture
def log(tmp_path):
    return tmp_path / "accepted.jsonl"


def test_every_message_is_accepted_once_with_its_uuid(log):
    messages = texts(50)
    sent = send_by("vonage", messages, log)
    assert set(sent.kinds) == {ACCEPTED}
    assert sent.accepted == {message.recipient: 1 for message in messages}
    assert len({outcome.provider_ref for outcome in sent.outcomes}) == 50


def test_what_is_said_of_a_message():
    account = account_at("vonage", 1)
    [message] = texts(1, "Labdien 👋")
    [call] = Vonage(account).calls([message])
    assert orjson.loads(call.request.body) == {
        "message_type": "text",
        "channel": "sms",
        "to": "37120000000",
        "from": "EXOSMS",
        "text": "Labdien 👋",
        "client_ref": str(message.id),
        "sms": {"encoding_type": "auto"},
    }


@pytest.mark.parametrize(
    ("status", "kind", "code"),
    [
        (401, UNSENT, "account"),
        (402, UNSENT, "account"),
        (422, REJECTED, "messages"),
        (429, DEFERRED, "429"),
        (500, UNCERTAIN, "500"),
        (503, DEFERRED, "503"),
    ],
)
def test_a_refusal_concerns_its_own_message_only(log, status, kind, code):
    fault = {"at": "final", "recipient": BAD, "reply": f"{status} Not this one"}
    sent = send_by(
        "vonage", texts(["+37120000001", BAD, "+37120000002"]), log, fault, options="connections=1&timeout=5"
    )
    assert sent.kinds == [ACCEPTED, kind, ACCEPTED]
    assert sent.codes[1] == (code if code != "messages" else "1030")
    assert BAD not in sent.accepted


@pytest.mark.parametrize(
    ("status", "type_", "kind"),
    [
        (422, "messages#1120", None),
        (422, "messages#1000", DEFERRED),
        (403, "messages#1070", UNSENT),
        (422, "messages#1100", DEFERRED),
        (402, "messages#9999", UNSENT),
        (403, "#low-balance", UNSENT),
    ],
)
def test_what_a_code_means(status, type_, kind):
    problem = {"type": f"https://developer.vonage.com/api-errors/{type_}", "title": "T", "detail": "D"}
    meaning = Vonage(account_at("vonage", 1)).meaning(Answer(status, {}, orjson.dumps(problem)))
    assert (meaning.kind, meaning.text) == (kind, "T: D")


def test_a_text_that_is_too_long_and_a_number_that_is_none_are_refused(log):
    assert send_by("vonage", texts(1, "x" * 1001), log).kinds == [REJECTED]
    assert send_by("vonage", texts(["12"]), log).kinds == [REJECTED]


def test_wrong_credentials_cost_no_message_and_are_not_shown(log):
    sent = send_by("vonage", texts(2), log, account="abcd1234:wrong-secret")
    assert set(sent.codes) == {"account"}
    assert "wrong-secret" not in repr(sent.outcomes)


def test_an_application_signs_its_requests_and_keeps_the_token_for_a_while():
    key = rsa.generate_private_key(65537, 2048)
    der = key.private_bytes(serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    vendor = Vonage(ProviderAccount("vonage", APPLICATION, base64.b64encode(der).decode()))
    assert "Authorization" not in dict(vendor.server.headers)
    headers = [dict(call.request.headers)["Authorization"] for call in vendor.calls(texts(2)) + vendor.calls(texts(1))]
    assert len(set(headers)) == 1
    signed, _, signature = headers[0].removeprefix("Bearer ").rpartition(".")
    key.public_key().verify(_bytes(signature), signed.encode(), PKCS1v15(), SHA256())
    head, claims = (orjson.loads(_bytes(part)) for part in signed.split("."))
    assert head == {"alg": "RS256", "typ": "JWT"}
    assert claims["application_id"] == APPLICATION
    assert claims["exp"] - claims["iat"] == 900


def test_an_application_needs_its_private_key():
    with pytest.raises(SetupError, match="private key"):
        Vonage(ProviderAccount("vonage", APPLICATION, "secret"))


def _bytes(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
