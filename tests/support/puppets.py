"""Senders that a test moves window by window: the real Drainer and Journal, with a provider that waits to be told.

Each is a task on one event loop in a thread. A puppet is quiet when a window is out and the journal wrote its step, or
when it ended; every move of the test waits for that, so nothing happens between two moves.
"""

import asyncio
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from types import SimpleNamespace
from uuid import UUID

from sqlalchemy.exc import OperationalError

from models.errors import InvalidInput
from models.session import driver
from models.store.messages import PlannedMessage
from tasks.providers.base import Capabilities, Outcome, OutgoingMessage
from tasks.providers.until import Until
from tasks.sending.drain import Drainer
from tasks.sending.journal import Clearance, Journal
from tasks.sending.rate import Rate
from tasks.sending.results import RetryPolicy
from tasks.sending.weights import Weights
from tests.support.engine import Engine
from tests.support.witness import Witness

_PATIENCE_SECONDS = 20.0


class Killed(Exception):
    """The process is gone: nothing of it is done any more."""


class _Keeper:
    """Leases last: the test ends them itself."""

    def hold(self, *_: object) -> None:
        """Nothing to keep."""

    def drop(self, *_: object) -> None:
        """Nothing was kept."""

    def is_lost(self) -> bool:
        """Never by itself."""
        return False


@dataclass(frozen=True, slots=True)
class _Journal(Journal):
    puppet: "Puppet" = field(kw_only=True)

    def claim(self, who, lease_seconds):
        self.puppet.must_live()
        return Journal.claim(self, who, lease_seconds)

    def step(self, lease, results, **values):
        self.puppet.before_step()
        return Journal.step(self, lease, results, **values)

    def clear(self, session, window) -> Clearance:
        if self.puppet.loses_commit:
            self.puppet.loses_commit = False
            driver(session).execute("COMMIT")
            raise OperationalError("COMMIT", {}, Exception("the answer got lost"))
        return Journal.clear(self, session, window)

    def evidence(self, lease, results):
        self.puppet.must_live()
        Journal.evidence(self, lease, results)


class Puppet:
    """One sender. `ended` when it found no more chunks, was stopped or was killed."""

    name = "witness"
    capabilities = Capabilities(messages_per_call=500, idempotent=False, answer_timeout_seconds=1)

    def __init__(self, loop: asyncio.AbstractEventLoop, engine: Engine, witness: Witness, run_id: UUID, epoch: int):
        self.loses_commit = self.dies_at_step = False
        self.error: BaseException | None = None
        self._dead = self._stopped = False
        self._witness, self._loop = witness, loop
        self._quiet = threading.Condition()
        self._executor = ThreadPoolExecutor(1)
        self._out: Sequence[OutgoingMessage] = ()
        self._gate: asyncio.Event | None = None
        journal = _Journal(
            engine.database, run_id, engine.organization_id, epoch, "email", "witness", lambda: False, puppet=self
        )
        self._drainer = Drainer(
            journal=journal,
            keeper=_Keeper(),  # type: ignore[arg-type]
            provider=self,
            composers=SimpleNamespace(known=lambda messages: {m.content_id: _compose for m in messages}),  # type: ignore[arg-type]
            weights=Weights(engine.database),
            rate=Rate(engine.database, run_id, engine.organization_id),
            policy=RetryPolicy(attempts=3, base_seconds=0.0),
            window_size=2,
            lease_seconds=3600,
            who="puppet",
            stop=lambda: self._stopped,
            _executor=self._executor,
        )
        self.ended = False
        self._task = asyncio.run_coroutine_threadsafe(self._run(), loop)
        self._wait()

    # -- what the Drainer calls

    async def send(self, messages: Sequence[OutgoingMessage], until: Until) -> list[Outcome]:
        """Wait until the test lets the window through."""
        self._witness.look(messages)
        self._gate = asyncio.Event()
        # The Drainer gives the journal its step in its next turn; what comes after that in the same thread comes
        # when the step is written.
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        await self._loop.run_in_executor(self._executor, lambda: None)
        with self._quiet:
            self._out = messages
            self._quiet.notify_all()
        await self._gate.wait()
        return [self._witness.answer(message) for message in messages]

    def abort(self) -> None:
        """Leases are not lost by themselves."""

    async def close(self) -> None:
        """Nothing to close."""

    def must_live(self) -> None:
        """Raise Killed when this process is no more."""
        if self._dead:
            raise Killed

    def before_step(self) -> None:
        """The journal is about to write."""
        if self.dies_at_step:
            self._dead = True
        self.must_live()

    # -- what the test calls

    def release(self) -> None:
        """The window that is out is answered."""
        with self._quiet:
            self._out = ()
        assert self._gate is not None
        self._loop.call_soon_threadsafe(self._gate.set)
        self._wait()

    def stop(self) -> None:
        """As by SIGTERM: the window that is out is answered, the rest given back."""
        self._stopped = True
        self.release()
        assert self.ended

    def kill(self, taken: int) -> None:
        """As by SIGKILL; of the window that is out the server has taken so many."""
        self._dead = True
        for message in self._out[:taken]:
            self._witness.answer(message)
        self._out = ()
        self._task.cancel()
        self._wait()

    def release_and_kill_before_the_commit(self, taken: int) -> None:
        """The window is answered, the next one goes out, and the process ends before it has written the answers."""
        self.dies_at_step = True
        self.release()
        if not self.ended:
            self.kill(taken)

    async def _run(self) -> None:
        try:
            await self._drainer.drain()
        except (Killed, asyncio.CancelledError):
            pass
        except BaseException as error:
            self.error = error
        finally:
            self._drainer.close()
            with self._quiet:
                self.ended = True
                self._quiet.notify_all()

    def _wait(self) -> None:
        with self._quiet:
            assert self._quiet.wait_for(lambda: self.ended or self._out, _PATIENCE_SECONDS), "The sender hangs."
        if self.error is not None:
            raise self.error


def _compose(message: PlannedMessage) -> OutgoingMessage:
    if message.recipient.startswith("unmade"):
        raise InvalidInput({"to_email": ["It cannot be made."]})
    return OutgoingMessage(message.id, "s@example.com", message.recipient, b"", message.tries + 1)
