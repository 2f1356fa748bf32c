"""Infobip: what is sent, and that each message of a call has an answer of its own."""

import orjson
import pytest

from models.errors import SetupError
from tasks.providers.account import ProviderAccount
from tasks.providers.base import OutcomeKind
from tasks.providers.http_exchange import Answer
from tasks.providers.http_provider import Meaning
from tasks.providers.vendors.infobip import Infobip
from tests.support.http_api import account_at, send_by, texts

ACCEPTED, REJECTED, DEFERRED = OutcomeKind.ACCEPTED, OutcomeKind.REJECTED, OutcomeKind.DEFERRED
UNCERTAIN, UNSENT = OutcomeKind.UNCERTAIN, OutcomeKind.UNSENT


@pytest.fixture
def log(tmp_path):
    return tmp_path / "accepted.jsonl"


def test_hundreds_go_in_a_few_calls_and_each_is_accepted_once(log):
    messages = texts(250)
    assert [len(call.places) for call in Infobip(account_at("infobip", 1)).calls(messages)] == [100, 100, 50]
    sent = send_by("infobip", messages, log)
    assert set(sent.kinds) == {ACCEPTED}
    assert sent.accepted == {message.recipient: 1 for message in messages}
    assert len({outcome.provider_ref for outcome in sent.outcomes}) == 250


def test_what_is_said_of_a_message():
    [message] = texts(1, "Labdien 👋")
    account = ProviderAccount("infobip", "app", "key", "x.api.infobip.com", callback_url="https://e.example/w")
    [call] = Infobip(account).calls([message])
    assert orjson.loads(call.request.body) == {
        "messages": [
            {
                "sender": "EXOSMS",
                "destinations": [{"to": "37120000000"}],
                "content": {"text": "Labdien 👋"},
                "webhooks": {
                    "callbackData": str(message.id),
                    "contentType": "application/json",
                    "delivery": {"url": "https://e.example/w"},
                },
            }
        ]
    }


@pytest.mark.parametrize("bad", [0, 1, 2])
def test_one_that_is_refused_costs_the_others_nothing_and_nobody_gets_it_twice(log, bad):
    recipients = ["+37120000001", "+37120000002", "+37120000003"]
    recipients[bad] = "12"
    sent = send_by("infobip", texts(recipients), log)
    assert [kind is ACCEPTED for kind in sent.kinds] == [place != bad for place in range(3)]
    assert sent.kinds[bad] is REJECTED
    assert sent.codes[bad] == "REJECTED_PREFIX_MISSING"
    assert sent.accepted == {who: 1 for who in recipients if who != "12"}


def test_a_call_that_is_refused_as_a_whole_is_divided(log):
    fault = {"at": "final", "recipient": "+37120000003", "reply": "400 Bad request"}
    messages = texts(8)
    sent = send_by("infobip", messages, log, fault)
    assert sent.kinds == [REJECTED if place == 3 else ACCEPTED for place in range(8)]
    assert set(sent.accepted.values()) == {1}


def answered(*told: dict[str, object], to: str = "37120000000"):
    document = {"messages": [{"destination": to, "messageId": "1", **each} for each in told]}
    return Infobip(account_at("infobip", 1)).references(Answer(200, {}, orjson.dumps(document)), texts(1))


@pytest.mark.parametrize(
    ("group", "name", "kind"),
    [
        (5, "REJECTED_NOT_ENOUGH_CREDITS", UNSENT),
        (5, "REJECTED_SYSTEM_ERROR", DEFERRED),
        (5, "REJECTED_DESTINATION", REJECTED),
        (2, "UNDELIVERABLE_REJECTED_OPERATOR", REJECTED),
        ("5", "REJECTED_DESTINATION", UNCERTAIN),
    ],
)
def test_what_a_status_in_an_answer_means(group, name, kind):
    [meaning] = answered({"status": {"groupId": group, "name": name}})
    assert isinstance(meaning, Meaning)
    assert meaning.kind is kind


def test_an_answer_that_is_not_about_these_messages_leaves_all_in_doubt(log):
    pending = {"status": {"groupId": 1, "name": "PENDING_ACCEPTED"}}
    assert answered(pending) == ["1"]
    assert answered(pending, to="37129999999") is None
    assert answered(pending, pending) is None
    fault = {"at": "final", "action": "accept_garbage"}
    assert set(send_by("infobip", texts(3), log, fault, options="timeout=2").kinds) == {UNCERTAIN}


def test_the_account_needs_its_own_host():
    with pytest.raises(SetupError, match="base URL"):
        Infobip(ProviderAccount("infobip", "app", "key"))
