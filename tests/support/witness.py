"""A mail server that exists in a test only: who got it, and what must not have been handed over."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from tasks.providers.base import Outcome, OutcomeKind, OutgoingMessage

_ANSWERS = {"reject": OutcomeKind.REJECTED, "defer": OutcomeKind.DEFERRED, "uncertain": OutcomeKind.UNCERTAIN}


@dataclass(slots=True)
class Witness:
    """Who got it how often, and what was handed over although it must not be.

    What it says depends on the recipient: `reject1@…` no, `defer1@…` not now at the first try, `uncertain1@…` nothing
    though it takes the message, all others yes.
    """

    may_go_out: Callable[[], bool] = lambda: True
    got: Counter[str] = field(default_factory=Counter)
    opted_out: set[str] = field(default_factory=set)
    wrong: list[str] = field(default_factory=list)
    uncertain: int = 0

    def look(self, window: Sequence[OutgoingMessage]) -> None:
        """A window is handed over."""
        if not self.may_go_out():
            self.wrong.append("a window went out of a run that does not send")
        self.wrong += [f"{m.recipient} had opted out" for m in window if m.recipient in self.opted_out]

    def answer(self, message: OutgoingMessage) -> Outcome:
        """What the server says."""
        name = message.recipient.partition("@")[0].rstrip("0123456789")
        kind = _ANSWERS.get(name, OutcomeKind.ACCEPTED)
        if kind is OutcomeKind.DEFERRED and message.attempt > 1:
            kind = OutcomeKind.ACCEPTED
        if kind in (OutcomeKind.ACCEPTED, OutcomeKind.UNCERTAIN):
            self.got[message.recipient] += 1
        self.uncertain += kind is OutcomeKind.UNCERTAIN
        return Outcome(kind, provider_ref="r", retry_after_seconds=0.0)
