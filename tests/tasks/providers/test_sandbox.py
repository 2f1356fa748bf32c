"""The sandbox: the recipient decides."""

import asyncio

import pytest

from tasks.providers.base import OutcomeKind
from tasks.providers.sandbox import SandboxProvider

ACCEPTED, REJECTED, DEFERRED = OutcomeKind.ACCEPTED, OutcomeKind.REJECTED, OutcomeKind.DEFERRED
UNCERTAIN, UNSENT = OutcomeKind.UNCERTAIN, OutcomeKind.UNSENT


@pytest.mark.parametrize(
    ("recipient", "kinds", "code"),
    [
        ("anybody@example.com", [ACCEPTED, ACCEPTED], "250"),
        ("accept@example.com", [ACCEPTED, ACCEPTED], "250"),
        ("rejected@example.com", [ACCEPTED], "250"),
        ("reject@example.com", [REJECTED, REJECTED], "550"),
        ("Reject+5.1.1@example.com", [REJECTED, REJECTED], "5.1.1"),
        ("defer@example.com", [DEFERRED, ACCEPTED], "451"),
        ("defer+3@example.com", [DEFERRED, DEFERRED, DEFERRED, ACCEPTED], "451"),
        ("throttle+30@example.com", [DEFERRED, ACCEPTED], "429"),
        ("uncertain@example.com", [UNCERTAIN, ACCEPTED], "timeout"),
        ("timeout+0.01@example.com", [UNCERTAIN, ACCEPTED], "timeout"),
        ("unsent@example.com", [UNSENT, UNSENT], "aborted"),
        ("slow+1@example.com", [ACCEPTED], "250"),
        ("+37061234567", [ACCEPTED], "250"),
        ("+12025550100", [ACCEPTED], "250"),
        ("+12025550150", [REJECTED, REJECTED], "550"),
        ("+12025550151", [DEFERRED, ACCEPTED], "451"),
        ("+12025550152", [DEFERRED, ACCEPTED], "429"),
        ("+12025550153", [UNCERTAIN, ACCEPTED], "timeout"),
        ("+12025550155", [UNSENT, UNSENT], "aborted"),
    ],
)
def test_the_recipient_decides_what_each_try_gives(make_messages, run_in, recipient, kinds, code):
    message = make_messages([recipient])[0]

    async def main():
        # A sender of its own for each try, as after a deferral: which try it is, only the message can say.
        tries = [message._replace(attempt=attempt) for attempt, _ in enumerate(kinds, start=1)]
        return [(await SandboxProvider().send([message]))[0] for message in tries]

    outcomes = run_in(main())
    assert [outcome.kind for outcome in outcomes] == kinds
    assert outcomes[0].code == code


def test_what_it_takes_is_marked_and_the_same_id_has_the_same_reference(make_messages, run_in):
    messages = make_messages(3)

    async def main():
        provider = SandboxProvider()
        return await provider.send(messages), await provider.send(messages)

    first, second = run_in(main())
    assert first == second
    assert [outcome.provider_ref for outcome in first] == [f"sandbox-{message.id}" for message in messages]


def test_throttling_says_when_to_come_back(make_messages, run_in):
    outcomes = run_in(SandboxProvider().send(make_messages(["throttle+30@example.com"])))
    assert outcomes[0].retry_after_seconds == 30


@pytest.mark.parametrize("how", ["abort", "cancel", "close"])
def test_an_ended_call_returns_at_once_and_what_was_slow_is_uncertain(make_messages, run_in, how):
    messages = make_messages(["slow+60000@example.com", "reject@example.com", "a@example.com"])

    async def main():
        provider = SandboxProvider()
        sending = asyncio.create_task(provider.send(messages))
        await asyncio.sleep(0)
        if how == "abort":
            provider.abort()
        elif how == "cancel":
            sending.cancel()
        else:
            await provider.close()
        return await sending, await provider.send(messages) if how != "cancel" else []

    outcomes, late = run_in(main())
    assert [outcome.kind for outcome in outcomes] == [UNCERTAIN, REJECTED, ACCEPTED]
    assert {outcome.kind for outcome in late} <= {UNSENT}
