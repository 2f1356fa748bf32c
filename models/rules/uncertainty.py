"""What is done with a message that was handed over and of which no answer is known: pure.

First counts what people decided, then what the provider knows, then the organization's policy. Nothing goes out a
second time where that could double it unseen: a second try needs the provider's word that it never had the message, or
a provider that takes the message's id as its key, or, for email only, the organization's explicit choice of `resend`.
"""

from dataclasses import dataclass
from enum import StrEnum

from models.rules.lifecycle import Channel, RunState


class Decision(StrEnum):
    """What people may decide about an uncertain message."""

    ACCEPT = "accept"
    FAIL = "fail"
    RESEND = "resend"


class Verdict(StrEnum):
    """What is to be done."""

    ACCEPT = "accept"  # it counts as taken, and stays charged
    FAIL = "fail"  # it counts as not sent, and is refunded
    RESEND = "resend"  # it goes out again, and is flagged
    HOLD = "hold"  # it stays uncertain until people or a report decide
    WAIT = "wait"  # it cannot be decided now


class Knowledge(StrEnum):
    """What the provider says when it is asked for a message."""

    TAKEN = "taken"
    REFUSED = "refused"
    NEVER_CAME = "never_came"


@dataclass(frozen=True, slots=True)
class Doubt:
    """What the verdict depends on. `run_state` is None of a single message; `resends`: how often it was sent again."""

    channel: Channel
    run_state: RunState | None
    policy: str | None
    has_key: bool  # the provider that has it takes its id as the key of all tries
    resends: int = 0
    decision: Decision | None = None
    knowledge: Knowledge | None = None


_STILL_COMING = {RunState.QUEUED, RunState.PLANNING, RunState.PAUSED}
_GOES_OUT = {None, RunState.SENDING, RunState.COMPLETED}


def may_resend(channel: Channel, *, has_key: bool) -> bool:
    """Whether people, or an organization's choice, may send such a message again: never blindly a second SMS."""
    return has_key or channel is Channel.EMAIL


def judge(doubt: Doubt, *, most_resends: int) -> Verdict:
    """What is to be done with the message."""
    match doubt.decision or doubt.knowledge:
        case Decision.ACCEPT | Knowledge.TAKEN:
            return Verdict.ACCEPT
        case Decision.FAIL | Knowledge.REFUSED:
            return Verdict.FAIL
        case Decision.RESEND:
            wanted = may_resend(doubt.channel, has_key=doubt.has_key)
        case Knowledge.NEVER_CAME:
            return _again(doubt, most_resends, otherwise=Verdict.FAIL)
        case None if doubt.policy == "fail":
            return Verdict.FAIL
        case None if doubt.policy == "resend":
            wanted = may_resend(doubt.channel, has_key=doubt.has_key)
        case None:
            wanted = doubt.policy is None and doubt.run_state is None and doubt.has_key
    return _again(doubt, most_resends, otherwise=Verdict.HOLD) if wanted else Verdict.HOLD


def _again(doubt: Doubt, most_resends: int, *, otherwise: Verdict) -> Verdict:
    if doubt.run_state in _STILL_COMING:
        return Verdict.WAIT
    if doubt.run_state in _GOES_OUT and doubt.resends < most_resends:
        return Verdict.RESEND
    return otherwise
