"""What a sender did so far."""

from collections.abc import Sequence
from dataclasses import dataclass

from models.rules.lifecycle import MessageState
from models.store.messages import Result


@dataclass(slots=True)
class Tally:
    """Chunks that were had, and what became of their messages."""

    chunks: int = 0
    accepted: int = 0
    failed: int = 0
    suppressed: int = 0
    uncertain: int = 0
    deferred: int = 0

    def add(self, results: Sequence[Result]) -> None:
        """Count results."""
        for result in results:
            match result.state:
                case MessageState.ACCEPTED:
                    self.accepted += 1
                case MessageState.FAILED:
                    self.failed += 1
                case MessageState.SUPPRESSED:
                    self.suppressed += 1
                case MessageState.UNCERTAIN:
                    self.uncertain += 1
                case _:
                    self.deferred += 1
