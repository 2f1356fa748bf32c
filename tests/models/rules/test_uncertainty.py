"""The verdict on a message of which nobody knows, for every combination of what it depends on."""

from itertools import product

import pytest

from models.rules.lifecycle import MESSAGE_MOVES, Channel, MessageState, RunState
from models.rules.uncertainty import Decision, Doubt, Knowledge, Verdict, judge

MOST = 4
STATES = (None, *RunState)
ALL = [
    Doubt(channel, state, policy, has_key, resends, decision, knowledge)
    for channel, state, policy, has_key, resends, decision, knowledge in product(
        Channel,
        STATES,
        (None, "hold", "fail", "resend"),
        (False, True),
        (0, MOST),
        (None, *Decision),
        (None, *Knowledge),
    )
]


def verdict(doubt: Doubt) -> Verdict:
    return judge(doubt, most_resends=MOST)


def test_an_sms_goes_out_again_only_under_a_key_or_where_it_never_came():
    for doubt in ALL:
        if verdict(doubt) is Verdict.RESEND and doubt.channel is Channel.SMS:
            assert doubt.has_key or doubt.knowledge is Knowledge.NEVER_CAME


def test_email_goes_out_again_without_a_key_only_where_somebody_chose_it():
    for doubt in ALL:
        if verdict(doubt) is Verdict.RESEND and not doubt.has_key and doubt.knowledge is not Knowledge.NEVER_CAME:
            assert doubt.policy == "resend" or doubt.decision is Decision.RESEND


def test_nothing_goes_out_again_where_the_run_does_not_send_nor_too_often():
    for doubt in ALL:
        if verdict(doubt) is Verdict.RESEND:
            assert doubt.run_state in (None, RunState.SENDING, RunState.COMPLETED)
            assert doubt.resends < MOST


def test_what_people_decided_counts_more_than_what_the_provider_says_and_that_more_than_the_policy():
    for doubt in ALL:
        if doubt.decision in (Decision.ACCEPT, Decision.FAIL):
            assert verdict(doubt).value == doubt.decision.value
        elif doubt.decision is None and doubt.knowledge in (Knowledge.TAKEN, Knowledge.REFUSED):
            expected = Verdict.ACCEPT if doubt.knowledge is Knowledge.TAKEN else Verdict.FAIL
            assert verdict(doubt) is expected


@pytest.mark.parametrize(
    ("policy", "state", "has_key", "expected"),
    [
        (None, RunState.COMPLETED, True, Verdict.HOLD),
        (None, RunState.COMPLETED, False, Verdict.HOLD),
        (None, None, True, Verdict.RESEND),
        (None, None, False, Verdict.HOLD),
        ("hold", None, True, Verdict.HOLD),
        ("fail", None, True, Verdict.FAIL),
        ("fail", RunState.CANCELLED, True, Verdict.FAIL),
        ("resend", RunState.PAUSED, True, Verdict.WAIT),
        ("resend", RunState.SENDING, True, Verdict.RESEND),
        ("resend", RunState.CANCELLED, True, Verdict.HOLD),
    ],
)
def test_without_a_decision_and_without_knowledge_the_policy_decides(policy, state, has_key, expected):
    for channel in Channel:
        assert verdict(Doubt(channel, state, policy, has_key)) is expected


def test_a_message_that_never_came_is_not_left_in_doubt():
    for doubt in ALL:
        if doubt.decision is None and doubt.knowledge is Knowledge.NEVER_CAME:
            assert verdict(doubt) in (Verdict.RESEND, Verdict.FAIL, Verdict.WAIT)


def test_whatever_is_decided_is_a_legal_move():
    moves = {
        Verdict.ACCEPT: MessageState.ACCEPTED,
        Verdict.FAIL: MessageState.FAILED,
        Verdict.RESEND: MessageState.PLANNED,
    }
    assert all(target in MESSAGE_MOVES[MessageState.UNCERTAIN] for target in moves.values())


def test_what_failed_stays_failed_whatever_is_reported_later():
    assert not MESSAGE_MOVES[MessageState.FAILED]  # it was refunded; the report is kept as an event
