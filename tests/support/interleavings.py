"""A state machine over everything that may happen to a run; see tests/faults/test_interleavings.py."""

import asyncio
from contextlib import suppress
from decimal import Decimal
from typing import ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from sqlalchemy import text

from models.errors import IllegalState
from models.rules.lifecycle import RunState
from models.session import Database
from models.store.chunks import requeue_due
from models.store.loose_ends import requeue_stuck, silent_runs
from models.tables import Run
from tasks.runs.control import cancel_campaign, pause_campaign, resume_campaign
from tests.support.books import check_books
from tests.support.engine import Engine
from tests.support.invariants import Found, examine
from tests.support.promises import check_promises
from tests.support.puppets import Puppet
from tests.support.witness import Witness

# In three chunks of four. What the mail server says to them: tests/support/witness.py.
PEOPLE = ["defer1", "c1", "c2", "c3", "defer2", "defer3", "reject1", "uncertain1", "unmade1", "c4", "c5"]
WINDOW = 2
taken = st.integers(0, WINDOW)


class Interleavings(RuleBasedStateMachine):
    """One run, and everything that may happen to it."""

    make_engine: type[Engine]
    database: Database
    loop: asyncio.AbstractEventLoop
    found: ClassVar[list[Found]] = []

    def __init__(self) -> None:
        super().__init__()
        with self.database.transaction(None) as session:
            session.execute(text("DELETE FROM email_domains"))  # one domain belongs to one organization
            # What an example that failed has left would be sent in this one.
            session.execute(text("DELETE FROM outbox"))
            session.execute(text("DELETE FROM uncertain_messages"))
        self.engine: Engine = self.make_engine(people=PEOPLE, chunk_size=4)
        self.run: Run = self.engine.accept(self.engine.campaign(batch_size=WINDOW))
        self.witness = Witness(may_go_out=lambda: self.current.state == RunState.SENDING)
        self.puppets: list[Puppet] = []
        self.takeovers = 0
        self.doubts = 0
        self.decided: set[str] = set()

    @property
    def current(self) -> Run:
        return self.engine.run(self.run)

    @property
    def living(self) -> list[Puppet]:
        return [puppet for puppet in self.puppets if not puppet.ended]

    def _control(self, move) -> None:
        with suppress(IllegalState), self.engine.database.transaction(None) as session:
            move(session, self.engine.organization_id, self.run.campaign_id)

    @rule()
    def pause_or_resume(self) -> None:
        self._control(resume_campaign if self.current.state == RunState.PAUSED else pause_campaign)

    @initialize(planned=st.sampled_from([True, True, True, False]))
    def begin(self, planned: bool) -> None:
        if planned:
            self.engine.plan(self.run)

    @rule(sure=st.integers(0, 3))  # seldom, since nothing much happens after it
    def cancel(self, sure: int) -> None:
        if sure == 3:
            self._control(cancel_campaign)

    @rule()
    def a_flow_comes_by(self) -> None:
        self.engine.plan(self.run)
        self.engine.close(self.run)

    @rule()
    def flow_is_taken_for_dead(self) -> None:
        with self.engine.database.transaction(None) as session:
            session.execute(
                text(
                    "INSERT INTO run_flows"
                    " SELECT id, gen_random_uuid(), organization_id, epoch FROM runs WHERE id = :run"
                ),
                {"run": self.run.id},
            )
            session.execute(text("UPDATE runs SET alive_at = '2000-01-01' WHERE id = :run"), {"run": self.run.id})
            for silent in silent_runs(session, silent_for_seconds=90, limit=10):
                requeue_stuck(session, silent)

    @precondition(lambda self: len(self.living) < 2)
    @rule(behind=st.sampled_from([0, 0, 0, 1]))
    def start(self, behind: int) -> None:
        epoch = self.current.epoch - behind
        self.puppets.append(Puppet(self.loop, self.engine, self.witness, self.run.id, epoch))

    @precondition(lambda self: self.living)
    @rule(which=st.integers(0, 1), windows=st.integers(1, 3))
    def release(self, which: int, windows: int) -> None:
        puppet = self.living[which % len(self.living)]
        for _ in range(windows):
            if not puppet.ended:
                puppet.release()

    @precondition(lambda self: self.living)
    @rule(which=st.integers(0, 1))
    def release_and_lose_the_answer_of_the_commit(self, which: int) -> None:
        puppet = self.living[which % len(self.living)]
        puppet.loses_commit = True
        puppet.release()

    @precondition(lambda self: self.living)
    @rule(which=st.integers(0, 1))
    def stop(self, which: int) -> None:
        self.living[which % len(self.living)].stop()

    @precondition(lambda self: self.living)
    @rule(which=st.integers(0, 1), taken=taken)
    def kill(self, which: int, taken: int) -> None:
        self.living[which % len(self.living)].kill(taken)

    @precondition(lambda self: self.living)
    @rule(which=st.integers(0, 1), taken=taken)
    def kill_before_a_commit(self, which: int, taken: int) -> None:
        self.living[which % len(self.living)].release_and_kill_before_the_commit(taken)

    @rule()
    def leases_run_out(self) -> None:
        self.takeovers += self.engine.expire_leases(self.run)

    @rule(limit=st.integers(1, 2))
    def second_tries_are_due(self, limit: int) -> None:
        self.engine.make_retries_due(self.run)
        with self.engine.database.transaction(None) as session:
            requeue_due(session, self.run.id, limit=limit)

    @rule(address=st.sampled_from([f"{name}@example.com" for name in PEOPLE]))
    def opt_out(self, address: str) -> None:
        if address not in self.witness.opted_out:
            self.engine.suppress(address)
            self.witness.opted_out.add(address)

    @invariant()
    def promises_hold(self) -> None:
        assert not self.witness.wrong
        check_promises(self.engine, self.run, self.witness.got, self.decided)
        assert self.engine.states(self.run)["uncertain"] <= self.may_be_uncertain

    @property
    def may_be_uncertain(self) -> int:
        """How many messages there may be of which nobody knows."""
        return 2 * WINDOW * self.takeovers + self.witness.uncertain

    def settle(self) -> None:
        """What flows and couriers do once, and nothing goes wrong."""
        while self.living:
            self.release(0, 100)
        if self.current.state == RunState.PAUSED:
            self.pause_or_resume()
        self.a_flow_comes_by()

    @property
    def is_settled(self) -> bool:
        """Whether nothing is left to do."""
        return self.current.finished_at is not None

    def teardown(self) -> None:
        """Whatever happened, it comes to an end, with everybody accounted for."""
        for _ in range(20):
            self.settle()
            if self.is_settled:
                break
            self.leases_run_out()
            self.second_tries_are_due(100)
            self.start(0)
        self.promises_hold()
        check_books(self.database, self.engine.organization_id)
        run = self.current
        assert run.finished_at is not None, f"The run is {run.state} for ever."
        assert self.engine.balance() == Decimal(1000) - run.charged + run.refunded
        self.found.append(examine(self.engine, run, self.witness.got, self.decided))
