"""The loop that all sending goes through: lease a chunk, send it window by window, record, give it back.

While window k is out, one transaction records the results of k-1 and moves the cursor past k+1; k+1 goes out only
after that commit. So whatever kills this process leaves at most two windows whose outcome nobody knows. It is the same
between two chunks: while the last window of one is out, the next is leased and read and its first window announced;
while that is out, the last results of the one before are recorded. A paced run, whose windows wait for their rate,
gains nothing by being ahead: its cursor moves when a window's time has come, and its results are recorded at once.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar

from models.errors import StaleLease
from models.rules.quiet_hours import QuietHours
from models.store.chunks import Lease
from models.store.messages import PlannedMessage, Result
from tasks.providers.base import LATE, OutgoingMessage, Provider
from tasks.sending.circuit import needs_noting
from tasks.sending.composing import Composers, compose_window
from tasks.sending.freshness import FRESH_SECONDS, fresh_until, kept_fresh
from tasks.sending.handing_over import Ready, allowed, hand_over
from tasks.sending.journal import NO_CLEARANCE, Clearance, Journal
from tasks.sending.lease_keeper import LeaseKeeper
from tasks.sending.open_chunk import Answered, OpenChunk, finish_chunk, open_chunk
from tasks.sending.rate import Rate
from tasks.sending.results import RetryPolicy
from tasks.sending.tally import Tally
from tasks.sending.weights import Weights

log = logging.getLogger(__name__)
_T = TypeVar("_T")
_Opening = asyncio.Task[OpenChunk | None]

_WATCH_SECONDS = 0.25


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
    weights: Weights
    rate: Rate
    policy: RetryPolicy
    window_size: int
    lease_seconds: float
    who: str
    stop: Callable[[], bool]
    tally: Tally = field(default_factory=Tally)
    is_ahead: bool = True
    page_size: int | None = None
    quiet_hours: QuietHours | None = None  # in which a number gets nothing
    is_cut_off: bool = False  # the provider was aborted
    _is_held: bool = False  # the provider is to be left alone
    _executor: Executor = field(default_factory=lambda: ThreadPoolExecutor(1, thread_name_prefix="journal"))

    async def drain(self) -> Tally:
        """Send chunks until there is none left for this sender."""
        before: OpenChunk | None = None  # all of it was answered, and its last results are not recorded
        chunk = await self._start_open()
        while chunk is not None:
            opening = await self._send_chunk(chunk, before)
            before, chunk = chunk, None if opening is None else await self._opened_ahead(opening, chunk)
            if chunk is None:
                await self._finish(before)
                before = None
                chunk = await self._start_open()
        await self.give_back_tokens()
        return self.tally

    async def drain_next(self) -> bool:
        """Send one chunk, or one page; False when there is none, or this sender, which is not ahead, is to end."""
        chunk = await self._start_open()
        if chunk is None:
            return False
        try:
            await self._send_chunk(chunk, None)
            await self._finish(chunk)
        finally:
            self.keeper.drop(chunk.lease)
        return True

    def close(self) -> None:
        """Wait for what the journal still writes, and end its thread."""
        self._executor.shutdown(wait=True)

    async def _send_chunk(self, chunk: OpenChunk, before: OpenChunk | None) -> _Opening | None:
        """When the first window is out finish the chunk before; when the last is, open the next, and return it.
        The journal's thread does one after the other, so two windows are in doubt here as well."""
        lease, windows, ends = chunk.lease, chunk.windows, chunk.ends
        clearance, ready = chunk.clearance, chunk.ready
        opening: _Opening | None = None
        try:
            for k, window in enumerate(windows):
                clearance = await self._clear(window, clearance, None if chunk.is_ahead else (lease, ends[k]))
                if not clearance.go:
                    break
                following = windows[k + 1] if k + 1 < len(windows) else []
                sending = asyncio.create_task(self._send(window, ready, clearance))
                await asyncio.sleep(0)  # the window goes out first, the journal is written meanwhile
                finishing, before = None if before is None else self._finish(before), None
                step: asyncio.Future[Clearance] | None = None
                if chunk.is_ahead:
                    chunk.results, chunk.answered = self._results(chunk.answered), None
                    step = self._start_step(lease, chunk.results, ends[min(k + 1, len(ends) - 1)], following)
                    if self.is_ahead and not following and not lease.probes and not self.rate.asks:
                        opening = self._start_open()
                try:
                    ready = await compose_window(self.composers, following, self.journal.insist)
                finally:  # whatever broke, what is out is heard to its end: the answers are known here only
                    chunk.answered, chunk.done = await sending, k + 1
                if step is None:
                    chunk.results, chunk.answered = self._results(chunk.answered), None
                    step = self._start_step(lease, chunk.results, ends[k])
                if finishing is not None:
                    await finishing
                clearance = await step
                chunk.results = []
        except StaleLease as error:
            log.warning("%s", error)
            chunk.is_lost = True
        except Exception:
            chunk.is_lost = True
            await self._give_up(before, chunk, opening)
            raise
        if before is not None:
            await self._finish(before)
        return opening

    async def _opened_ahead(self, opening: _Opening, before: OpenChunk) -> OpenChunk | None:
        try:
            return await opening
        except StaleLease as error:  # Postgres is away: first of all the answers are to be kept
            log.warning("%s", error)
            return None
        except Exception:
            await self._finish(before)
            raise

    async def _give_up(self, before: OpenChunk | None, chunk: OpenChunk, opening: _Opening | None) -> None:
        """The answers are known here only, whatever broke; and what was not begun is given back."""
        if opening is not None:
            await asyncio.wait([opening])
        opened = None if opening is None or opening.exception() else opening.result()
        await asyncio.gather(*map(self._finish, filter(None, (before, chunk, opened))), return_exceptions=True)

    def _start_open(self) -> _Opening:
        """The next chunk, with its first window made; None when there is none, or this sender is to end."""
        self._is_held = False
        opening = self._in_thread(
            lambda: open_chunk(
                self.journal,
                self.keeper,
                who=self.who,
                lease_seconds=self.lease_seconds,
                window=lambda planned: self.rate.window(planned, self.window_size),
                weights=self.weights,
                page_size=self.page_size,
                is_ahead=self.is_ahead,
                stop=lambda: self.stop() or self.is_cut_off,
            )
        )
        return asyncio.create_task(self._opened(opening))

    async def _opened(self, opening: "asyncio.Future[OpenChunk | None]") -> OpenChunk | None:
        chunk = await opening
        if chunk is None or not chunk.windows:
            return chunk
        try:
            chunk.ready = await compose_window(self.composers, chunk.windows[0], self.journal.insist)
        except StaleLease as error:
            log.warning("%s", error)
            chunk.windows, chunk.is_lost = [], True
        except BaseException:
            self.keeper.drop(chunk.lease)
            raise
        return chunk

    def _finish(self, chunk: OpenChunk) -> asyncio.Future[None]:
        """Record what is left to record of a chunk, and give it back or end it; begins at once."""
        results = chunk.results + self._results(chunk.answered)
        self.tally.chunks += 1
        return self._in_thread(lambda: finish_chunk(self.journal, self.keeper, chunk, results))

    def _start_step(
        self, lease: Lease, results: list[Result], cursor: int, upcoming: Sequence[PlannedMessage] = ()
    ) -> asyncio.Future[Clearance]:
        return self._in_thread(lambda: self.journal.step(lease, results, cursor=cursor, upcoming=upcoming))

    async def _clear(
        self, window: Sequence[PlannedMessage], clearance: Clearance, announce: tuple[Lease, int] | None
    ) -> Clearance:
        """Wait for the rate, `announce` the window unless it was, and look again if what was looked up got old.
        `go` is false as well when this sender is to end."""
        if not clearance.go or self._is_held or self.is_cut_off:
            return NO_CLEARANCE
        if self.rate.asks and not await self._take(window):
            return NO_CLEARANCE
        if announce is not None and not self.stop():
            clearance = await self._start_step(announce[0], [], announce[1], window)
        if clearance.go and time.monotonic() - clearance.checked_at > FRESH_SECONDS:
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

    async def _send(
        self, window: Sequence[PlannedMessage], ready: Sequence[OutgoingMessage | Result], clearance: Clearance
    ) -> Answered:
        """Hand a window over. What is left when a look-up shows that something changed is handed over anew."""
        answered = Answered([], [], [])
        left: Sequence[Ready] = list(zip(window, ready, strict=True))
        watch = asyncio.create_task(self._watch())
        try:
            while going := allowed(left, clearance, self.quiet_hours, answered.held_back):
                until = fresh_until(clearance.checked_at)
                async with kept_fresh(until, partial(self._is_unchanged, going)):
                    outcomes = await hand_over(self.provider, [made for _, made in going], until)
                late = [pair for pair, outcome in zip(going, outcomes, strict=True) if outcome.code == LATE]
                clearance = await self._look_again([message for message, _ in late]) if late else clearance
                for (message, _), outcome in zip(going, outcomes, strict=True):
                    if outcome.code != LATE or not clearance.go:
                        answered.messages.append(message)
                        answered.outcomes.append(outcome)
                left = late if clearance.go else []
        finally:
            watch.cancel()
        self.rate.put_back_for(window, answered.held_back)
        if needs_noting(outcomes := answered.outcomes, troubled=(troubled := clearance.troubled)):
            self._is_held = await self._in_thread(lambda: self.journal.note(outcomes, troubled=troubled))
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

    async def _is_unchanged(self, going: Sequence[Ready]) -> bool:
        clearance = await self._look_again([message for message, _ in going])
        return clearance.go and len(allowed(going, clearance, self.quiet_hours, held_back=[])) == len(going)

    def _results(self, answered: Answered | None) -> list[Result]:
        """Made, and counted, while the next window is out: the connections wait for nothing."""
        results = [] if answered is None else answered.results(self.policy)
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
