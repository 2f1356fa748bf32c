"""The rules by which the mail sink fails."""

import json

import pytest

from deployments.sink_faults import FaultScript, Step, parse_faults
from models.errors import SetupError


def script(*rules):
    return FaultScript(parse_faults(json.dumps(rules)))


def test_a_rule_for_a_recipient_applies_to_it_alone_and_so_often():
    faults = script({"at": "rcpt", "recipient": "*@slow.example", "first": 2})
    met = [faults.at(Step.RCPT, [f"{name}@slow.example"], 0) is not None for name in "aaabbb"]
    assert met == [True, True, False, True, True, False]
    assert faults.at(Step.RCPT, ["a@quick.example"], 0) is None
    assert faults.at(Step.FINAL, ["c@slow.example"], 0) is None


def test_a_rule_may_apply_to_each_nth_time():
    faults = script({"at": "final", "every": 3})
    assert [faults.at(Step.FINAL, ["a@b"], 0) is not None for _ in range(6)] == [False, False, True] * 2


def test_a_rule_may_wait_for_a_number_of_messages_on_the_connection():
    faults = script({"at": "mail", "after_messages": 2})
    assert [faults.at(Step.MAIL, [], accepted) is not None for accepted in range(4)] == [False, False, True, True]


def test_the_first_rule_that_applies_is_followed():
    faults = script({"at": "rcpt", "recipient": "a@*", "reply": "550 One"}, {"at": "rcpt", "reply": "551 Two"})
    assert [faults.at(Step.RCPT, [name], 0).reply for name in ("a@b", "c@d")] == ["550 One", "551 Two"]


@pytest.mark.parametrize(
    "text",
    [
        "{",
        '{"at": "lunch"}',
        '{"at": "rcpt", "reply": "hello"}',
        '{"at": "rcpt", "action": "accept_close"}',
        '{"at": "mail", "recipient": "a@b"}',
        '{"at": "rcpt", "every": 0}',
        '{"at": "rcpt", "evry": 2}',
        '{"at": "final", "action": "slow", "seconds": 0}',
        '{"at": "data", "action": "slow"}',
    ],
)
def test_a_rule_that_makes_no_sense_is_a_setup_error(text):
    with pytest.raises(SetupError, match="mail sink"):
        parse_faults(text)
