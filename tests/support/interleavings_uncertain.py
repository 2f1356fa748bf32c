"""What may happen to uncertain messages of a run: people, the provider's word and policies, and second sends."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from uuid import UUID

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule
from sqlalchemy import text

from models.errors import IllegalState
from models.rules.uncertainty import Decision
from tasks.providers.base import Capabilities, Outcome, OutcomeKind, Sought
from tasks.sending.outbox_journal import flag_lost
from tests.support.interleavings import Interleavings
from tests.support.puppet_courier import PuppetCourier
from tests.support.uncertain import choose, decide, resolve, ripen
from tests.support.witness import Witness


class _Silent:
    """A provider that takes no keys and cannot be asked, as a mail server."""

    name = "witness"
    capabilities = Capabilities(messages_per_call=500, idempotent=False, answer_timeout_seconds=1)


class _Truthful(_Silent):
    """One that can be asked, and knows what it has taken."""

    def __init__(self, witness: Witness) -> None:
        self._witness = witness

    async def look_up(self, messages: Sequence[Sought]) -> Mapping[UUID, Outcome]:
        """What it took, and what never came."""
        taken = {message.id for message in messages if self._witness.got[message.recipient]}
        return {
            message.id: Outcome(OutcomeKind.ACCEPTED if message.id in taken else OutcomeKind.UNSENT)
            for message in messages
        }

    async def close(self) -> None:
        """Nothing to close."""


class UncertainInterleavings(Interleavings):
    """A run whose uncertain messages are resolved in every way, with a courier that sends again."""

    def __init__(self) -> None:
        super().__init__()
        self.courier = PuppetCourier(self.engine, self.witness)

    @rule(
        by=st.sampled_from(["people", "policy", "provider"]),
        decision=st.sampled_from([Decision.ACCEPT, Decision.FAIL, Decision.RESEND, Decision.RESEND]),
    )
    def uncertain_ones_are_resolved(self, by: str, decision: Decision) -> None:
        before = self._in("uncertain")
        provider = _Silent()
        if by == "people":
            with suppress(IllegalState):  # of what is cancelled nothing is sent again
                decide(self.engine, self.run, decision)
        elif by == "policy":
            choose(self.engine, "resend" if decision is Decision.RESEND else "fail")
        else:
            provider = _Truthful(self.witness)
        ripen(self.engine)
        resolve(self.engine, lambda *_: provider)  # type: ignore[arg-type, return-value]
        choose(self.engine, None)
        self.decided |= before & self._in("accepted", "failed")

    @rule(most=st.integers(1, 3))
    def courier_hands_over(self, most: int) -> None:
        self.courier.claim(most)

    @precondition(lambda self: self.courier.is_out)
    @rule()
    def courier_records(self) -> None:
        self.courier.record()

    @precondition(lambda self: self.courier.is_out)
    @rule()
    def courier_is_killed(self) -> None:
        self.courier.die()

    @rule()
    def claims_run_out(self) -> None:
        over = "UPDATE outbox SET claimed_until = now() - interval '1 second' WHERE claimed_by IS NOT NULL"
        with self.engine.database.transaction(None) as session:
            session.execute(text(over))
        self.doubts += flag_lost(self.engine.database)

    @property
    def may_be_uncertain(self) -> int:
        return super().may_be_uncertain + self.courier.uncertain + self.doubts

    def settle(self) -> None:
        super().settle()
        self.claims_run_out()
        with self.engine.database.transaction(None) as session:
            session.execute(text("UPDATE outbox SET due_at = now()"))
        self.courier.claim(100)
        while self.courier.is_out:
            self.courier.record()

    @property
    def is_settled(self) -> bool:
        with self.engine.database.transaction(None) as session:
            return super().is_settled and not session.execute(text("SELECT count(*) FROM outbox")).scalar_one()

    def teardown(self) -> None:
        """Whatever happened, it comes to an end."""
        try:
            super().teardown()
        finally:
            self.courier.close()

    def _in(self, *states: str) -> set[str]:
        with self.engine.database.transaction(None) as session:
            found = text("SELECT recipient FROM messages WHERE run_id = :run AND state = ANY(:states)")
            return set(session.execute(found, {"run": self.run.id, "states": list(states)}).scalars())
