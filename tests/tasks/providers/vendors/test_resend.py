"""Resend: a request that is asked a second time, and what it says of each message of a batch."""

import orjson
import pytest

from tasks.providers.base import OutcomeKind, OutgoingMessage
from tasks.providers.http_exchange import Answer
from tasks.providers.http_provider import Meaning
from tests.support.email_vendors import mail, vendor_of, with_file
from tests.support.http_api import send_by

ACCEPTED, REJECTED, UNCERTAIN = OutcomeKind.ACCEPTED, OutcomeKind.REJECTED, OutcomeKind.UNCERTAIN


@pytest.fixture
def log(tmp_path):
    return tmp_path / "accepted.jsonl"


@pytest.mark.parametrize("action", ["accept_close", "accept_garbage", "close"])
def test_resend_is_asked_again_under_the_same_key(log, action):
    """Once it does not answer; the second request gets the first one's answer, or is the first."""
    sent = send_by("resend", mail("resend", 4), log, {"at": "final", "action": action, "first": 1})
    assert sent.kinds == [ACCEPTED] * 4
    assert set(sent.accepted.values()) == {1}


def test_what_resend_does_not_answer_twice_is_in_doubt(log):
    sent = send_by("resend", mail("resend", 4), log, {"at": "final", "action": "accept_close"})
    assert sent.kinds == [UNCERTAIN] * 4


def test_a_no_to_the_second_request_says_nothing_of_the_first(log):
    faults = [
        {"at": "final", "action": "accept_close", "first": 1},
        {"at": "final", "action": "reply", "reply": "429 Too many"},
    ]
    sent = send_by("resend", mail("resend", 4), log, *faults)
    assert sent.kinds == [UNCERTAIN] * 4
    assert sum(sent.accepted.values()) == 4


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


def test_what_goes_with_files_goes_alone_by_resend():
    whole = with_file()
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
