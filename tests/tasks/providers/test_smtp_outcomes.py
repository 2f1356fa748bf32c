"""What each reply, and each missing one, means for the message."""

from collections.abc import Callable

import pytest

from tasks.providers.base import OutcomeKind

ACCEPTED, REJECTED, DEFERRED = OutcomeKind.ACCEPTED, OutcomeKind.REJECTED, OutcomeKind.DEFERRED
UNCERTAIN, UNSENT = OutcomeKind.UNCERTAIN, OutcomeKind.UNSENT
BAD = "bad@example.net"
MIXED = ["one@example.net", BAD, "two@example.net", "three@example.net"]

pytestmark = pytest.mark.parametrize("pipelining", [True, False], ids=["pipelined", "lock-step"])


def test_every_message_is_accepted_once_with_the_queue_id(send_to_sink, make_messages, pipelining, loop_name):
    sent = send_to_sink(make_messages(200), pipelining=pipelining, loop_name=loop_name)
    assert set(sent.kinds) == {ACCEPTED}
    assert sent.accepted == {f"user{number}@example.net": 1 for number in range(200)}
    assert all(outcome.provider_ref and "-" in outcome.provider_ref for outcome in sent.outcomes)


@pytest.mark.parametrize("step", ["rcpt", "data", "final"])
@pytest.mark.parametrize(
    ("reply", "kind", "code"),
    [
        ("550 5.1.1 No such user", REJECTED, "5.1.1"),
        ("554 Refused", REJECTED, "554"),
        ("550-5.7.1 One line\n550 5.7.1 and another", REJECTED, "5.7.1"),
        ("451 4.3.0 Later", DEFERRED, "4.3.0"),
        ("452 Full", DEFERRED, "452"),
        ("503 5.5.1 Bad sequence of commands", DEFERRED, "5.5.1"),
    ],
)
def test_a_refusal_concerns_its_own_message_only(send_to_sink, make_messages, pipelining, step, reply, kind, code):
    fault = {"at": step, "recipient": BAD, "reply": reply}
    sent = send_to_sink(make_messages(MIXED), fault, options="connections=1&timeout=5", pipelining=pipelining)
    assert sent.kinds == [ACCEPTED, kind, ACCEPTED, ACCEPTED]
    assert sent.codes[1] == code
    assert BAD not in sent.accepted


def test_the_reason_of_a_refusal_is_one_line_of_text(send_to_sink, make_messages, pipelining):
    reply = "550-5.7.1 One line\n550 5.7.1 and another"
    sent = send_to_sink(make_messages([BAD]), {"at": "rcpt", "reply": reply}, pipelining=pipelining)
    assert sent.outcomes[0].detail == "550-5.7.1 One line 5.7.1 and another"


def test_a_refused_sender_is_a_refused_message(send_to_sink, make_messages, pipelining):
    fault = {"at": "mail", "reply": "550 5.7.1 Not from you"}
    sent = send_to_sink(make_messages(3), fault, pipelining=pipelining)
    assert sent.kinds == [REJECTED] * 3


@pytest.mark.parametrize(
    ("action", "in_log"), [("accept_close", 1), ("accept_garbage", 1), ("close", 0), ("garbage", 0)]
)
def test_no_readable_reply_to_the_final_dot_is_uncertain(send_to_sink, make_messages, pipelining, action, in_log):
    fault = {"at": "final", "recipient": BAD, "action": action}
    sent = send_to_sink(make_messages(MIXED), fault, options="connections=1&timeout=5", pipelining=pipelining)
    assert sent.kinds == [ACCEPTED, UNCERTAIN, ACCEPTED, ACCEPTED]
    assert sent.accepted[BAD] == in_log


def test_no_reply_in_time_to_the_final_dot_is_uncertain(send_to_sink, make_messages, pipelining):
    fault = {"at": "final", "recipient": BAD, "action": "accept_hang"}
    sent = send_to_sink(make_messages(MIXED), fault, options="connections=1&timeout=0.3", pipelining=pipelining)
    assert sent.kinds == [ACCEPTED, UNCERTAIN, ACCEPTED, ACCEPTED]
    assert sent.codes[1] == "timeout"


def test_no_reply_in_time_to_the_envelope_is_deferred(send_to_sink, make_messages, pipelining):
    fault = {"at": "rcpt", "recipient": BAD, "action": "hang"}
    sent = send_to_sink(make_messages(MIXED), fault, options="connections=1&timeout=0.3", pipelining=pipelining)
    assert sent.kinds == [ACCEPTED, DEFERRED, ACCEPTED, ACCEPTED]
    assert sent.codes[1] == "timeout"


@pytest.mark.parametrize("step", ["rcpt", "data"])
@pytest.mark.parametrize("action", ["close", "garbage"])
def test_a_break_before_the_hand_over_costs_nothing(send_to_sink, make_messages, pipelining, step, action):
    fault = {"at": step, "recipient": BAD, "first": 2, "action": action}
    sent = send_to_sink(make_messages(MIXED), fault, options="connections=1&timeout=5", pipelining=pipelining)
    assert sent.kinds == [ACCEPTED] * 4
    assert sent.accepted == dict.fromkeys(MIXED, 1)


def test_a_recipient_that_always_breaks_the_connection_is_deferred_and_the_others_go_out(
    send_to_sink, make_messages, pipelining
):
    fault = {"at": "rcpt", "recipient": BAD, "action": "close"}
    sent = send_to_sink(make_messages(MIXED), fault, options="connections=2&timeout=5", pipelining=pipelining)
    assert sent.kinds == [ACCEPTED, DEFERRED, ACCEPTED, ACCEPTED]
    assert sent.codes[1] == "connection"


def test_a_server_that_ends_each_session_after_some_messages_gets_all_of_them(send_to_sink, make_messages, pipelining):
    fault = {"at": "mail", "after_messages": 3, "reply": "421 4.7.0 Enough for one connection"}
    sent = send_to_sink(make_messages(50), fault, options="connections=2&timeout=5", pipelining=pipelining)
    assert sent.kinds == [ACCEPTED] * 50
    assert set(sent.accepted.values()) == {1}


def test_421_to_the_final_dot_defers_that_message(send_to_sink, make_messages, pipelining):
    fault = {"at": "final", "recipient": BAD, "reply": "421 4.3.2 Shutting down"}
    sent = send_to_sink(make_messages(MIXED), fault, options="connections=1&timeout=5", pipelining=pipelining)
    assert sent.kinds == [ACCEPTED, DEFERRED, ACCEPTED, ACCEPTED]
    assert sent.codes[1] == "4.3.2"


@pytest.mark.parametrize("reply", ["530 5.7.0 Authentication required", "535 5.7.8 Bad credentials"])
def test_a_quarrel_about_our_account_rejects_no_recipient(send_to_sink, make_messages, pipelining, reply):
    sent = send_to_sink(make_messages(20), {"at": "mail", "reply": reply}, pipelining=pipelining)
    assert sent.kinds == [UNSENT] * 20
    assert reply in str(sent.outcomes[0].detail)


def test_a_message_over_the_servers_size_is_rejected_here(send_to_sink, make_messages, pipelining):
    messages = make_messages(2) + make_messages(["big@example.net"], content=b"x" * 2000 + b"\r\n")
    sent = send_to_sink(messages, pipelining=pipelining, max_size=1000)
    assert sent.kinds == [ACCEPTED, ACCEPTED, REJECTED]
    assert sent.codes[2] == "5.3.4"


@pytest.mark.parametrize(("offered", "kind"), [(True, ACCEPTED), (False, REJECTED)])
def test_an_address_beyond_ascii_needs_smtputf8(send_to_sink, make_messages, pipelining, offered, kind):
    recipients = ["one@example.net", "žygis@example.net", "two@example.net"]
    sent = send_to_sink(make_messages(recipients), pipelining=pipelining, smtputf8=offered)
    assert sent.kinds == [ACCEPTED, kind, ACCEPTED]
    assert sent.accepted["žygis@example.net"] == int(offered)
    assert offered or sent.codes[1] == "5.6.7"


@pytest.mark.parametrize("recipient", ["a@b>\r\nRCPT TO:<c@d", "a b@example.net", "", "a\x00@example.net", "<a@b>"])
def test_an_address_never_becomes_a_command(
    send_to_sink: Callable, make_messages: Callable, pipelining: bool, recipient: str
):
    sent = send_to_sink(make_messages([recipient, "one@example.net"]), pipelining=pipelining)
    assert sent.kinds == [REJECTED, ACCEPTED]
    assert sent.accepted == {"one@example.net": 1}


def test_a_server_that_ignores_refused_recipients_until_the_dot_gets_a_lone_one(
    send_to_sink, make_messages, pipelining
):
    # The sink answers 503 to DATA without recipients; a rule makes it say 354 instead, as RFC 2920 allows.
    faults = [{"at": "rcpt", "recipient": BAD, "reply": "550 5.1.1 No"}]
    sent = send_to_sink(
        make_messages(MIXED), *faults, options="connections=1&timeout=5", pipelining=pipelining, lenient_data=True
    )
    assert sent.kinds == [ACCEPTED, REJECTED, ACCEPTED, ACCEPTED]
    assert sent.accepted == {recipient: 1 for recipient in MIXED if recipient != BAD}
