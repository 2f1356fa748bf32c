"""Twilio: what is sent, and what each answer means."""

import pytest

from deployments.http_sink import ACCOUNTS
from models.errors import SetupError
from tasks.providers.base import OutcomeKind
from tests.support.http_api import provider_at, send_by, texts

ACCEPTED, REJECTED, DEFERRED = OutcomeKind.ACCEPTED, OutcomeKind.REJECTED, OutcomeKind.DEFERRED
UNCERTAIN, UNSENT = OutcomeKind.UNCERTAIN, OutcomeKind.UNSENT
BAD = "+37120000666"
MIXED = ["+37120000001", BAD, "+37120000002", "+37120000003"]


@pytest.fixture
def log(tmp_path):
    return tmp_path / "accepted.jsonl"


@pytest.mark.parametrize("loop_name", ["asyncio", "uvloop"])
def test_every_message_is_accepted_once_with_its_sid(log, loop_name):
    messages = texts(200)
    sent = send_by("twilio", messages, log, loop_name=loop_name)
    assert set(sent.kinds) == {ACCEPTED}
    assert sent.accepted == {message.recipient: 1 for message in messages}
    references = {outcome.provider_ref for outcome in sent.outcomes}
    assert len(references) == 200
    assert all(reference and reference.startswith("SM") for reference in references)


def test_a_text_arrives_as_it_is(log):
    """The sink refuses a body of more than 1,600 characters: what it counts is what was decoded."""
    text = "Ā & % = + ; \n 👋 "
    sent = send_by("twilio", texts(1, text * 100), log)
    assert sent.kinds == [ACCEPTED]
    assert send_by("twilio", texts(1, text * 110), log).codes == ["21617"]


@pytest.mark.parametrize(
    ("status", "kind", "code"),
    [
        (400, REJECTED, "20400"),
        (401, UNSENT, "account"),
        (403, UNSENT, "account"),
        (404, UNSENT, "account"),
        (302, UNSENT, "account"),
        (408, DEFERRED, "20408"),
        (429, DEFERRED, "429"),
        (500, UNCERTAIN, "500"),
        (502, UNCERTAIN, "502"),
        (503, DEFERRED, "503"),
        (504, UNCERTAIN, "504"),
    ],
)
def test_a_refusal_concerns_its_own_message_only(log, status, kind, code):
    fault = {"at": "final", "recipient": BAD, "reply": f"{status} Not this one", "seconds": 7}
    sent = send_by("twilio", texts(MIXED), log, fault, options="connections=1&timeout=5")
    assert sent.kinds == [ACCEPTED, kind, ACCEPTED, ACCEPTED]
    assert sent.codes[1] == code
    assert BAD not in sent.accepted
    assert sent.outcomes[1].retry_after_seconds == (7 if status in (429, 503) else None)
    assert "Not this one" in str(sent.outcomes[1].detail)


@pytest.mark.parametrize("action", ["accept_close", "accept_reset", "accept_garbage", "accept_hang"])
def test_what_was_taken_and_not_answered_is_uncertain(log, action):
    fault = {"at": "final", "recipient": BAD, "action": action}
    sent = send_by("twilio", texts(MIXED), log, fault, options="connections=2&timeout=0.4")
    assert sent.kinds == [ACCEPTED, UNCERTAIN, ACCEPTED, ACCEPTED]
    assert sent.accepted[BAD] == 1


def test_a_number_that_is_none_is_refused_with_its_code(log):
    sent = send_by("twilio", texts(["+37120000001", "12"]), log)
    assert sent.kinds == [ACCEPTED, REJECTED]
    assert sent.codes[1] == "21211"


def test_wrong_credentials_cost_no_message_and_are_not_shown(log):
    sent = send_by("twilio", texts(3), log, account=f"{ACCOUNTS['twilio'].partition(':')[0]}:wrong-token")
    assert set(sent.kinds) == {UNSENT}
    assert set(sent.codes) == {"account"}
    assert "wrong-token" not in repr(sent.outcomes)


def test_a_secret_that_an_answer_repeats_is_not_shown(log):
    secret = ACCOUNTS["twilio"].partition(":")[2]
    fault = {"at": "final", "reply": f"400 You sent {secret} and c2VjcmV0"}
    sent = send_by("twilio", texts(1), log, fault)
    assert sent.outcomes[0].detail == "twilio answers 400: You sent *** and c2VjcmV0"


def test_the_account_needs_a_sid():
    with pytest.raises(SetupError, match="Account SID"):
        provider_at("twilio", "twilio://me:secret@api.twilio.com")


def test_an_api_key_names_its_account_in_the_path():
    sid = ACCOUNTS["twilio"].partition(":")[0]
    assert provider_at("twilio", f"twilio://SK1:secret@api.twilio.com/{sid}").name == "twilio"
