"""A courier that a test moves step by step: the real journal of the outbox, with a provider that says what it is told.

What it claims is out until the test lets it record the answers, or lets it die.
"""

from dataclasses import replace

from tasks.providers.base import OutgoingMessage
from tasks.sending.open_routes import OpenRoutes
from tasks.sending.outbox_journal import Answer, OutboxJournal
from tasks.sending.results import RetryPolicy, held_back_result, suppressed_result, to_result
from tests.support.engine import Engine
from tests.support.witness import Witness

_POLICY = RetryPolicy(attempts=3, base_seconds=0.0)


class PuppetCourier:
    """One courier, and the windows that it has out. `uncertain`: to how many the server said nothing."""

    def __init__(self, engine: Engine, witness: Witness) -> None:
        # A run that has ended is sent again as well: what may go out the journal says, at the claim.
        self._witness = replace(witness, may_go_out=lambda: True)
        opened = OpenRoutes(engine.database, engine.settings, "email")
        self._journal = OutboxJournal(engine.database, engine.settings, opened, who="puppet")
        self._out: list[list[Answer]] = []

    @property
    def uncertain(self) -> int:
        """How often the server took one and said nothing."""
        return self._witness.uncertain

    @property
    def is_out(self) -> bool:
        """Whether there are windows whose answers are not recorded."""
        return bool(self._out)

    def claim(self, most: int) -> None:
        """Claim what is due, and hand over what may go out."""
        claimed = self._journal.claim(most).messages
        held_back: list[Answer] = []
        answers = []
        for one in claimed:
            assert one.resent is not None, "Only what is sent again is in this outbox."
            if one.is_suppressed:
                held_back.append(Answer(one, suppressed_result(one.message)))
            elif (result := held_back_result(one.message, one.resent.run_state, one.resent.quiet)) is not None:
                held_back.append(Answer(one, result))
            else:
                message = one.message
                outgoing = OutgoingMessage(message.id, "s@example.com", message.recipient, b"", message.tries + 1)
                self._witness.look([outgoing])
                answers.append(Answer(one, to_result(message, self._witness.answer(outgoing), _POLICY)))
        if claimed:
            self._out.append([*held_back, *answers])

    def record(self) -> None:
        """The answers to the oldest window are written, late or not."""
        self._journal.record(self._out.pop(0))

    def close(self) -> None:
        """Close its connection."""
        self._journal.close()

    def die(self) -> None:
        """Nobody will ever know the answers."""
        self._out.clear()
