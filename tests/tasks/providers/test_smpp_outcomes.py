"""SMPP against an SMSC on loopback: what becomes of each message, whatever the SMSC does."""

import asyncio

import pytest

from deployments.smpp_sink import serving
from tasks.providers.base import OutcomeKind
from tasks.providers.until import Until
from tests.support.http_api import texts
from tests.support.smpp import provider_for, send_over_smpp, smsc_state

ACCEPTED, REJECTED, DEFERRED = OutcomeKind.ACCEPTED, OutcomeKind.REJECTED, OutcomeKind.DEFERRED
UNCERTAIN, UNSENT = OutcomeKind.UNCERTAIN, OutcomeKind.UNSENT
BAD = "+37120000666"
MIXED = ["+37120000001", BAD, "+37120000002", "+37120000003"]
LONG = "Labdien! " * 40  # three parts


@pytest.fixture
def log(tmp_path):
    return tmp_path / "accepted.jsonl"


@pytest.mark.parametrize("loop_name", ["asyncio", "uvloop"])
def test_every_message_is_accepted_once_whatever_the_order_of_the_answers(log, loop_name):
    messages = [*texts(300), *texts(["+37121000001"], LONG), *texts(["+37121000002"], "👋" * 100)]
    got: dict[str, str] = {}
    sent = send_over_smpp(messages, log, loop_name=loop_name, reorder=4, texts=got)
    assert set(sent.kinds) == {ACCEPTED}
    assert sent.accepted == {message.recipient: 1 for message in messages}
    assert got == {message.recipient: message.content.decode() for message in messages}
    assert len({outcome.provider_ref for outcome in sent.outcomes}) == len(messages)


@pytest.mark.parametrize(
    ("status", "kind", "code", "seconds"),
    [
        (0x0B, REJECTED, "ESME_RINVDSTADR", None),
        (0x01, REJECTED, "ESME_RINVMSGLEN", None),
        (0x08, DEFERRED, "ESME_RSYSERR", None),
        (0x14, DEFERRED, "ESME_RMSGQFUL", 1.0),
        (0x58, DEFERRED, "ESME_RTHROTTLED", 1.0),
        (0x404, DEFERRED, "0x00000404", None),
    ],
)
def test_a_refusal_concerns_its_own_message_only(log, status, kind, code, seconds):
    sent = send_over_smpp(texts(MIXED), log, {"at": "final", "recipient": BAD, "status": status})
    assert sent.kinds == [ACCEPTED, kind, ACCEPTED, ACCEPTED]
    assert (sent.codes[1], sent.outcomes[1].retry_after_seconds) == (code, seconds)
    assert BAD not in sent.accepted


@pytest.mark.parametrize("action", ["accept_close", "accept_reset", "accept_garbage", "accept_hang", "close"])
def test_what_was_handed_over_and_not_answered_is_uncertain_and_the_rest_goes_out(log, action):
    fault = {"at": "final", "recipient": BAD, "action": action}
    sent = send_over_smpp(texts(MIXED), log, fault, options="window=1&timeout=0.3")
    assert sent.kinds == [ACCEPTED, UNCERTAIN, ACCEPTED, ACCEPTED]
    assert sent.accepted[BAD] == (1 if action.startswith("accept") else 0)


def test_no_more_than_a_window_is_in_doubt(log):
    sent = send_over_smpp(
        texts(100), log, {"at": "final", "action": "hang", "first": 1}, options="window=7&timeout=0.3"
    )
    doubtful = [outcome for outcome in sent.outcomes if outcome.kind is UNCERTAIN]
    assert 0 < len(doubtful) <= 7 * 5  # of five connections at most
    assert set(sent.kinds) <= {UNCERTAIN, UNSENT}
    assert not sent.accepted


def test_parts_that_are_throttled_are_sent_again_where_others_were_taken(log):
    got: dict[str, str] = {}
    fault = {"at": "final", "recipient": BAD, "first": 1, "status": 0x58}
    sent = send_over_smpp(texts([BAD], LONG), log, fault, texts=got)
    assert sent.kinds == [ACCEPTED]
    assert got == {BAD: LONG}


def test_a_message_of_which_only_some_parts_were_taken_is_uncertain(log):
    fault = {"at": "final", "recipient": BAD, "first": 1, "status": 0x0B}
    sent = send_over_smpp(texts([BAD], LONG), log, fault)
    assert (sent.kinds, sent.codes) == ([UNCERTAIN], ["partial"])
    assert "2 of 3 parts were taken" in str(sent.outcomes[0].detail)


def test_a_message_of_which_no_part_was_taken_is_refused(log):
    sent = send_over_smpp(texts([BAD], LONG), log, {"at": "final", "recipient": BAD, "status": 0x0B})
    assert (sent.kinds, sent.codes) == ([REJECTED], ["ESME_RINVDSTADR"])


def test_a_wrong_password_costs_no_message_and_is_not_shown(log):
    sent = send_over_smpp(texts(3), log, account="exosend:wrong-pw")
    assert (set(sent.kinds), set(sent.codes)) == ({UNSENT}, {"account"})
    assert "wrong-pw" not in repr(sent.outcomes)
    assert "ESME_RINVPASWD" in str(sent.outcomes[0].detail)


def test_too_many_binds_are_not_the_accounts_fault(log):
    assert send_over_smpp(texts(1), log, {"at": "connect", "status": 0x58}).codes == ["connection"]


@pytest.mark.parametrize("action", ["close", "garbage", "hang", "reset"])
def test_an_smsc_that_lets_nobody_in_costs_no_message(log, action):
    sent = send_over_smpp(texts(3), log, {"at": "connect", "action": action}, options="timeout=0.2")
    assert set(sent.kinds) == {UNSENT}
    assert not sent.accepted


def test_a_sender_that_smpp_cannot_carry_fails_alone(log):
    [odd] = texts(["+37120000009"])
    messages = [*texts(2), type(odd)(odd.id, "Ā" * 5, odd.recipient, odd.content)]
    assert send_over_smpp(messages, log).kinds == [ACCEPTED, ACCEPTED, REJECTED]


@pytest.mark.parametrize("how", ["cancel", "abort"])
def test_a_call_that_is_stopped_leaves_nothing_unsaid(log, run_in, how):
    async def main():
        async with serving(smsc_state(log, delay_seconds=30)) as port:
            provider = provider_for(port, "window=4&timeout=30")
            call = asyncio.ensure_future(provider.send(texts(10)))
            while not log.exists() or log.read_text().count("\n") < 4:
                await asyncio.sleep(0.01)
            if how == "cancel":
                call.cancel()
            else:
                await asyncio.to_thread(provider.abort)
            outcomes = await asyncio.wait_for(call, 2)
            after = await provider.send(texts(1)) if how == "abort" else []
            await provider.close()
        return outcomes, after

    outcomes, after = run_in(main())
    assert [outcome.kind for outcome in outcomes] == [UNCERTAIN] * 4 + [UNSENT] * 6
    assert all(outcome.kind is UNSENT for outcome in after)


def test_what_is_late_does_not_go_out(log, run_in):
    async def main():
        async with serving(smsc_state(log)) as port:
            provider = provider_for(port)
            outcomes = await provider.send(texts(3), until=Until(0.0))
            await provider.close()
        return outcomes

    assert {(outcome.kind, outcome.code) for outcome in run_in(main())} == {(UNSENT, "late")}
