"""How counts move when messages' facts do: pure."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from models.rules.lifecycle import MessageState
from models.rules.reported import COUNTED, Facts, counts_of
from models.store.reported_messages import ReportedMessage


@dataclass(frozen=True, slots=True)
class Change:
    """A message as it was, and what is known of it now."""

    message: ReportedMessage
    after: Facts

    @property
    def counts(self) -> bool:
        """Whether it is a message that some provider has."""
        return counts_of(self.after.state)

    @property
    def was_uncertain(self) -> bool:
        """Whether the reports are the proof that a provider has it."""
        return self.message.facts.state is MessageState.UNCERTAIN

    @property
    def first_times(self) -> list[str]:
        """The names of COUNTED that it gained."""
        return [name for name in COUNTED if self.after.has(name) and not self.message.facts.has(name)]


def tally_by_run(changes: Sequence[Change], hard: Collection[UUID] = ()) -> dict[UUID, dict[str, int]]:
    """By how much the totals of runs move. `hard`: messages of which a bounce for good is reported."""
    tallies: dict[UUID, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for change in changes:
        if change.message.run_id is not None:
            for name in change.first_times:
                tallies[change.message.run_id][name] += 1
            if change.message.id in hard and "bounced" in change.first_times:
                tallies[change.message.run_id]["hard_bounced"] += 1
    return tallies


def tally_by_day(changes: Sequence[Change]) -> dict[tuple[UUID, str, date], dict[str, int]]:
    """By how much the counts of the days on which the messages were sent move."""
    tallies: dict[tuple[UUID, str, date], dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for change in changes:
        message = change.message
        names = [*(["sent"] if change.was_uncertain else []), *change.first_times]
        if names and message.sent_on is not None:
            for name in names:
                tallies[message.organization_id, message.channel, message.sent_on][name] += 1
    return tallies
