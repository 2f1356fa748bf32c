"""Mailgun: batches, messages of their own, and what each answer means."""

import pytest

from tasks.providers.base import Merge, MergeContent, OutcomeKind, OutgoingMessage
from tests.support.http_api import send_by

ACCEPTED, REJECTED, DEFERRED = OutcomeKind.ACCEPTED, OutcomeKind.REJECTED, OutcomeKind.DEFERRED
UNCERTAIN, UNSENT = OutcomeKind.UNCERTAIN, OutcomeKind.UNSENT
CONTENT = MergeContent("News <news@example.com>", None, (0,), ("Hello ", 1), ("<p>", 1, "</p>"))


@pytest.fixture
def log(tmp_path):
    return tmp_path / "accepted.jsonl"


@pytest.fixture
def merged(new_id):
    def make(recipients, content=CONTENT):
        if isinstance(recipients, int):
            recipients = [f"user{number}@example.net" for number in range(recipients)]
        return [
            OutgoingMessage(new_id(), "news@example.com", who, b"", merge=Merge(content, (f"Hi {who}", who), who))
            for who in recipients
        ]

    return make


def requests(log) -> int:
    """Each is accepted in a connection of its own time: the bytes of a request are logged for each of its messages."""
    return len({(line.rsplit('"bytes"', 1)[1]) for line in log.read_text().splitlines()})


@pytest.mark.parametrize("loop_name", ["asyncio", "uvloop"])
def test_a_thousand_go_in_one_call(log, merged, loop_name):
    messages = merged(1000)
    sent = send_by("mailgun", messages, log, loop_name=loop_name)
    assert set(sent.kinds) == {ACCEPTED}
    assert sent.accepted == {message.recipient: 1 for message in messages}
    assert len({outcome.provider_ref for outcome in sent.outcomes}) == requests(log) == 1


def test_nobody_is_twice_in_a_call(log, merged):
    """Mailgun ignores an address that comes again."""
    sent = send_by("mailgun", merged(["a@example.net", "A@example.net", "b@example.net", "a@example.net"]), log)
    assert sent.kinds == [ACCEPTED] * 4
    assert sent.accepted == {"a@example.net": 2, "A@example.net": 1, "b@example.net": 1}


def test_contents_do_not_mix(log, merged):
    other = MergeContent("Other <other@example.com>", "re@example.com", ("S",), None, ("<p>", 1, "</p>"))
    messages = [*merged(["a@example.net"]), *merged(["b@example.net"], other), *merged(["c@example.net"])]
    sent = send_by("mailgun", messages, log)
    references = [outcome.provider_ref for outcome in sent.outcomes]
    assert references[0] == references[2] != references[1]


def test_a_whole_message_goes_as_it_is(log, make_messages):
    messages = make_messages(3)
    sent = send_by("mailgun", messages, log)
    assert sent.kinds == [ACCEPTED] * 3
    assert len({outcome.provider_ref for outcome in sent.outcomes}) == 3


def test_one_bad_address_costs_the_others_nothing(log, merged):
    messages = merged([*(f"user{number}@example.net" for number in range(300)), "no address", "x@example.net"])
    sent = send_by("mailgun", messages, log)
    assert sent.kinds == [ACCEPTED] * 300 + [REJECTED, ACCEPTED]
    assert sent.accepted == {message.recipient: 1 for message in messages if message.recipient != "no address"}
    assert "not a valid address" in str(sent.outcomes[300].detail)


def test_what_is_wrong_with_all_of_them_is_not_asked_a_thousand_times(log, merged):
    nothing = MergeContent("News <news@example.com>", None, (0,), None, None)
    sent = send_by("mailgun", merged(500, nothing), log)
    assert set(sent.kinds) == {REJECTED}
    assert not sent.accepted


@pytest.mark.parametrize(
    ("status", "kind", "code"),
    [
        (400, REJECTED, "400"),
        (401, UNSENT, "account"),
        (402, UNSENT, "account"),
        (403, UNSENT, "account"),
        (404, DEFERRED, "404"),
        (413, REJECTED, "413"),
        (429, DEFERRED, "429"),
        (500, UNCERTAIN, "500"),
        (502, UNCERTAIN, "502"),
        (503, DEFERRED, "503"),
        (504, UNCERTAIN, "504"),
    ],
)
def test_a_status_is_said_of_all_in_the_call(log, merged, status, kind, code):
    fault = {"at": "final", "reply": f"{status} Not now", "seconds": 7}
    sent = send_by("mailgun", merged(5), log, fault)
    assert set(sent.kinds) == {kind}
    assert set(sent.codes) == {code}
    assert {outcome.retry_after_seconds for outcome in sent.outcomes} == {7 if status in (429, 503) else None}
    assert not sent.accepted


@pytest.mark.parametrize(
    ("action", "taken"),
    [("accept_close", 20), ("accept_reset", 20), ("accept_garbage", 20), ("accept_hang", 20), ("accept_half", 10)],
)
def test_a_batch_without_an_answer_is_in_doubt_as_a_whole(log, merged, action, taken):
    sent = send_by("mailgun", merged(20), log, {"at": "final", "action": action}, options="timeout=0.4")
    assert set(sent.kinds) == {UNCERTAIN}
    assert sum(sent.accepted.values()) == taken


def test_an_unknown_domain_is_the_accounts_where_it_names_it(log, merged):
    fault = {"at": "final", "reply": "404 Domain not found"}
    sent = send_by("mailgun", merged(2), log, fault, path="/mg.example.com")
    assert sent.codes == ["account"] * 2


def test_a_wrong_key_costs_no_message_and_is_not_shown(log, merged):
    sent = send_by("mailgun", merged(3), log, account="api:wrong-key")
    assert set(sent.kinds) == {UNSENT}
    assert "wrong-key" not in repr(sent.outcomes)
