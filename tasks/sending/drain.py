"""The loop that all sending goes through: lease a chunk, send it window by window, record, give it back.

While window k is out, one transaction records the results of k-1 and moves the cursor past k+1; k+1 goes out only
after that commit. So whatever kills this process leaves at most two windows whose outcome nobody knows. A paced run,
whose windows wait for their rate, gains nothing by being ahead: its cursor moves when a window's time has come, and
its results are recorded at once, so that only what is out is in doubt. Many of those share one event loop.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TypeVar
from uuid import UUID

from models.errors import StaleLease
from models.rules.circuit import PROBE_MESSAGES
from models.rules.lifecycle import MessageState
from models.store.chunks import Lease
from models.store.messages import PlannedMessage, Result
from tasks.providers.base import LATE, Outcome, OutgoingMessage, Provider
from tasks.sending.circuit import needs_noting
from tasks.sending.composing import Compose, Composers, compose_or_fail
from tasks.sending.handing_over import Ready, allowed, hand_over
from tasks.sending.journal import NO_CLEARANCE, NOTHING_SAID, Clearance, Journal
from tasks.sending.lease_keeper import LeaseKeeper
from tasks.sending.rate import Rate
from tasks.sending.results import RetryPolicy, to_result
from tasks.sending.windows import careful_size, ends_of

log = logging.getLogger(__name__)
_T = TypeVar("_T")

# At the hand-over nothing that was looked up may be older than two seconds; the look-up itself takes milliseconds.
_FRESH_SECONDS = 1.5
_LEAST_SECONDS = 0.25  # a look-up that took that long itself must still let something go out
_WATCH_SECONDS = 0.25
_COMPOSED_AT_ONCE = 10  # 0.1 ms of work, in which one connection gets its reply


@dataclass(slots=True)
class Tally:
    """What this sender did so far."""

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


@dataclass(frozen=True, slots=True)
class _Answered:
    """A window that was handed over: one outcome for each of `messages`, and results of those held back."""

    messages: list[PlannedMessage]
    outcomes: list[Outcome]
    held_back: list[Result]


@dataclass(slots=True)
class Drainer:
    """One sender of one run. `stop` is asked between windows: true ends it, with everything given back.

    `is_ahead`: the next window is announced while one is out. `page_size`: so many messages of a chunk are read at a
    time; between two pages it is given back (None: the whole chunk).
    """

    journal: Journal
    keeper: LeaseKeeper
    provider: Provider
    composers: Composers
    rate: Rate
    policy: RetryPolicy
    window_size: int
    lease_seconds: float
    who: str
    stop: Callable[[], bool]
    tally: Tally = field(default_factory=Tally)
    is_ahead: bool = True
    page_size: int | None = None
    is_cut_off: bool = False  # the provider was aborted
    _is_held: bool = False  # the provider is to be left alone
    _executor: Executor = field(default_factory=lambda: ThreadPoolExecutor(1, thread_name_prefix="journal"))

    async def drain(self) -> Tally:
        """Send chunks until there is none left for this sender."""
        while await self.drain_next():
            pass
        await self.give_back_tokens()
        return self.tally

    async def drain_next(self) -> bool:
        """Send one chunk, or one page of it; False when there is none, or this sender is to end."""
        if self.stop() or self.is_cut_off:
            return False
        claimed_at = time.monotonic()
        lease = await self._in_thread(lambda: self.journal.claim(self.who, self.lease_seconds))
        if lease is None:
            return False
        self.keeper.hold(lease, claimed_at)
        try:
            await self._drain_chunk(lease)
        except StaleLease as error:
            log.warning("%s", error)
        finally:
            self.keeper.drop(lease)
        self.tally.chunks += 1
        return True

    def close(self) -> None:
        """Wait for what the journal still writes, and end its thread."""
        self._executor.shutdown(wait=True)

    async def _drain_chunk(self, lease: Lease) -> None:
        planned = await self._in_thread(lambda: self.journal.read(lease, self.page_size))
        if lease.probes:
            planned = planned[:PROBE_MESSAGES]
        self._is_held = False
        size = self.window_size
        if self.rate.asks:
            size = await self._in_thread(lambda: self.journal.insist(lambda: self.rate.window(planned, size)))
        size = careful_size(size, lease.takeovers)
        windows = [planned[i : i + size] for i in range(0, len(planned), size)]
        ends = ends_of(lease.cursor, windows)
        clearance = NOTHING_SAID
        # What ended a sender while it made its messages must be in doubt when it ends the next one.
        is_ahead = self.is_ahead or lease.takeovers > 0
        if is_ahead:
            first, upcoming = (ends[0], windows[0]) if windows else (lease.size, [])
            clearance = await self._start_step(lease, [], first, upcoming)
        results: list[Result] = []  # made, and not known to be recorded
        answered: _Answered | None = None  # the window before, its results still to be made
        done = 0  # windows that were handed over, or need not be
        ready = await self._compose_all(windows[0]) if windows else []
        try:
            for k, window in enumerate(windows):
                clearance = await self._clear(window, clearance, None if is_ahead else (lease, ends[k]))
                if not clearance.go:
                    break
                following = windows[k + 1] if k + 1 < len(windows) else []
                sending = asyncio.create_task(self._send(window, ready, clearance))
                await asyncio.sleep(0)  # the window goes out first, the journal is written meanwhile
                step: asyncio.Future[Clearance] | None = None
                if is_ahead:
                    results, answered = self._results(answered), None
                    step = self._start_step(lease, results, ends[min(k + 1, len(ends) - 1)], following)
                ready = await self._compose_all(following)
                answered = await sending
                done = k + 1
                if step is None:
                    results, answered = self._results(answered), None
                    step = self._start_step(lease, results, ends[k])
                clearance = await step
                results = []
            results, answered = self._results(answered), None
            cursor = ends[done - 1] if done else lease.cursor
            state = "done" if cursor == lease.size else "ready"
            await self._in_thread(lambda: self.journal.step(lease, results, cursor=cursor, state=state))
        except Exception:  # whatever broke: the answers are known here only
            results = results + self._results(answered)
            await self._in_thread(lambda: self.journal.evidence(lease, results))
            raise

    def _start_step(
        self, lease: Lease, results: list[Result], cursor: int, upcoming: Sequence[PlannedMessage] = ()
    ) -> asyncio.Future[Clearance]:
        return self._in_thread(lambda: self.journal.step(lease, results, cursor=cursor, upcoming=upcoming))

    async def _clear(
        self, window: Sequence[PlannedMessage], clearance: Clearance, announce: tuple[Lease, int] | None
    ) -> Clearance:
        """Wait for the rate, `announce` the window unless it was, and look again if what was looked up got old.

        `go` is false as well when this sender is to end.
        """
        if not clearance.go or self._is_held:
            return NO_CLEARANCE
        if self.rate.asks and not await self._take(window):
            return NO_CLEARANCE
        if announce is not None and not self.stop():
            clearance = await self._start_step(announce[0], [], announce[1], window)
        if clearance.go and time.monotonic() - clearance.checked_at > _FRESH_SECONDS:
            clearance = await self._in_thread(lambda: self.journal.check(window))
        if not clearance.go or self.stop() or self.keeper.is_lost():
            self.rate.put_back()
            return NO_CLEARANCE
        return clearance

    async def _take(self, window: Sequence[PlannedMessage]) -> bool:
        """Wait for the window's tokens; False when this sender is to end before it has them, or the run is paused."""
        while not (self.stop() or self.keeper.is_lost()):
            turn = await self._in_thread(lambda: self.journal.insist(lambda: self.rate.take(window)))
            await self._sleep(turn.wait)
            if turn.granted:
                return True
            if not (await self._in_thread(lambda: self.journal.check(()))).go:
                return False
        return False

    async def give_back_tokens(self) -> None:
        """Return what was taken of the rate and not used, after the last `drain_next`. `drain` does it by itself."""
        try:
            await self._in_thread(lambda: self.journal.insist(self.rate.give_back))
        except StaleLease as error:  # Postgres is away: the run is a moment slower
            log.warning("%s", error)

    async def _sleep(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while not self.stop() and (left := until - time.monotonic()) > 0:
            await asyncio.sleep(min(left, _WATCH_SECONDS))

    async def _compose_all(self, window: Sequence[PlannedMessage]) -> list[OutgoingMessage | Result]:
        """A few at a time: between them the connections get the window that is out on its way."""
        composers = self.composers.known(window)
        if composers is None:  # not in the journal's thread: it may be writing
            composers = await asyncio.to_thread(self._load, window)
        ready: list[OutgoingMessage | Result] = []
        for start in range(0, len(window), _COMPOSED_AT_ONCE):
            part = window[start : start + _COMPOSED_AT_ONCE]
            ready += [compose_or_fail(message, composers[message.content_id]) for message in part]
            await asyncio.sleep(0)
        return ready

    def _load(self, window: Sequence[PlannedMessage]) -> Mapping[UUID, Compose]:
        return self.journal.insist(lambda: self.composers.load(window))

    async def _send(
        self, window: Sequence[PlannedMessage], ready: Sequence[OutgoingMessage | Result], clearance: Clearance
    ) -> _Answered:
        """Hand a window over. What a slow server leaves until the look-up is old is looked up again."""
        answered = _Answered([], [], [])
        left: Sequence[Ready] = list(zip(window, ready, strict=True))
        watch = asyncio.create_task(self._watch())
        try:
            while going := allowed(left, clearance.suppressed, answered.held_back):
                until = max(clearance.checked_at + _FRESH_SECONDS, time.monotonic() + _LEAST_SECONDS)
                pairs = list(
                    zip(going, await hand_over(self.provider, [made for _, made in going], until), strict=True)
                )
                left = [pair for pair, outcome in pairs if outcome.code == LATE]
                if left:
                    clearance = await self._look_again([message for message, _ in left])
                for (message, _), outcome in pairs:
                    if outcome.code != LATE or not clearance.go:
                        answered.messages.append(message)
                        answered.outcomes.append(outcome)
                if not clearance.go:
                    break
        finally:
            watch.cancel()
        troubled = clearance.troubled
        if needs_noting(answered.outcomes, troubled=troubled):
            self._is_held = await self._in_thread(lambda: self.journal.note(answered.outcomes, troubled=troubled))
        return answered

    async def _look_again(self, messages: Sequence[PlannedMessage]) -> Clearance:
        """In the middle of a window. `go` is false as well when this sender is to end, or cannot look."""
        if self.stop() or self.keeper.is_lost():
            return NO_CLEARANCE
        try:
            return await self._in_thread(lambda: self.journal.check(messages))
        except StaleLease as error:
            log.warning("%s", error)
            return NO_CLEARANCE

    def _results(self, answered: _Answered | None) -> list[Result]:
        """Made, and counted, while the next window is out: the connections wait for nothing."""
        if answered is None:
            return []
        pairs = zip(answered.messages, answered.outcomes, strict=True)
        results = answered.held_back + [to_result(message, outcome, self.policy) for message, outcome in pairs]
        self.tally.add(results)
        return results

    async def _watch(self) -> None:
        """Close the provider's connections as soon as the lease is lost."""
        while not self.keeper.is_lost():
            await asyncio.sleep(_WATCH_SECONDS)
        log.error("The lease was not renewed in time; the provider's connections are closed.")
        self.is_cut_off = True  # an aborted provider sends nothing any more: whoever started this sender starts another
        self.provider.abort()

    def _in_thread(self, work: Callable[[], _T]) -> asyncio.Future[_T]:
        """Begins at once, not when it is awaited: a coroutine would, and the journal would wait for the window."""
        return asyncio.get_running_loop().run_in_executor(self._executor, work)
