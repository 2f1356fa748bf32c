"""What sends the outbox: singles and small runs of one channel, of all organizations, from one long-lived process.

It looks every 50 ms and when it is woken, claims what is due, hands it over on connections that are kept open, and
records what came of it. Several windows are out at once, so that a recipient whose server is slow holds up nobody
else; what they may hold together is bounded, since it is what a kill leaves in doubt.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import TypeVar

import psycopg

from models.rules.lifecycle import Channel
from models.session import DATABASE_AWAY, Database
from models.settings import Settings
from models.store.messages import Result
from models.store.outbox import Claimed, renew
from tasks.providers.base import LATE, Outcome, OutcomeKind, OutgoingMessage
from tasks.sending.freshness import FRESH_SECONDS, LEAST_SECONDS, fresh_until, kept_fresh
from tasks.sending.open_routes import OpenRoutes
from tasks.sending.outbox_composing import OutboxComposers
from tasks.sending.outbox_journal import Answer, Claims, OutboxJournal
from tasks.sending.outbox_routes import Going, Said, bound_to_account, hand_over_by_routes
from tasks.sending.outbox_windows import Window, Windows, first_that_fit
from tasks.sending.results import RetryPolicy, astray_result, held_back_result, suppressed_result, to_result
from tasks.sending.weights import Weights

log = logging.getLogger(__name__)
_T = TypeVar("_T")

POLL_SECONDS = 0.05
_SOON_SECONDS = 0.02  # where there was something there is more: not every commit is told of
_THREADS = 4
_AWAY_SECONDS = 0.25
_EVIDENCE_SECONDS = 300.0
_STOP_SECONDS = 5.0


class OutboxSender:
    """Sends the outbox of one channel on one event loop, until it is told to stop."""

    def __init__(self, database: Database, settings: Settings, channel: str, *, who: str) -> None:
        self._database = database
        self._settings = settings
        self._channel = channel
        self._who = who
        self._policy = RetryPolicy(settings.retry_attempts, settings.retry_base_seconds)
        self._composers = OutboxComposers(database, settings)
        self._weights = Weights(database)
        self._routes: OpenRoutes | None = None
        self._windows = Windows()
        self._executor = ThreadPoolExecutor(_THREADS, thread_name_prefix=f"outbox-{channel}")
        self._keeper = ThreadPoolExecutor(1, thread_name_prefix=f"claims-{channel}")
        self._connection: psycopg.Connection | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._woken = asyncio.Event()
        self._stop_at: float | None = None
        self.sent = 0

    def wake(self) -> None:
        """There may be something. From any thread."""
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._woken.set)

    def stop(self) -> None:
        """End soon: what is out is waited for, for some seconds, and recorded. From any thread."""
        self._stop_at = time.monotonic()
        self.wake()

    async def run(self) -> None:
        """Send until `stop`. Raises SetupError for a provider that cannot be opened."""
        self._loop = asyncio.get_running_loop()
        watch = [asyncio.create_task(self._renew()), asyncio.create_task(self._watch())]
        self._routes = OpenRoutes(self._database, self._settings, self._channel)
        self._routes.name_of(self._routes.routes.of(None))  # an address that cannot be used is told of at once
        journal = OutboxJournal(self._database, self._settings, self._routes, who=self._who)
        try:
            while self._stop_at is None:
                await self._round(journal)
        finally:
            await self._finish()
            for task in watch:
                task.cancel()
            self._executor.shutdown(wait=True)
            journal.close()
            self._keeper.shutdown(wait=True)
            if self._connection is not None:
                self._connection.close()

    async def _round(self, journal: OutboxJournal) -> None:
        """Claim once, send it off, and wait for the next look."""
        room = self._windows.room()
        if room <= 0:
            await asyncio.wait(self._windows, timeout=POLL_SECONDS, return_when=asyncio.FIRST_COMPLETED)
            return
        self._woken.clear()
        try:
            claims, weight = await self._in_thread(lambda: self._claim(journal, room))
        except DATABASE_AWAY as error:
            log.warning("Postgres is away: %s", str(error).splitlines()[0])
            await asyncio.sleep(_AWAY_SECONDS)
            return
        if claimed := claims.messages:
            checked_at = claims.checked_at
            window = Window(claimed, weight, checked_at, claims.claimed_at, claims.wait, renewed_at=checked_at)
            task = asyncio.create_task(self._deliver(journal, window))
            self._windows[task] = window
            task.add_done_callback(self._delivered)
        if len(claimed) < room:
            await self._pause(_SOON_SECONDS if claimed else POLL_SECONDS)

    def _claim(self, journal: OutboxJournal, room: int) -> tuple[Claims, int]:
        """Claims, and how many bytes their messages have. Of what is too much for a window the rest is due again."""
        claims = journal.claim(room)
        if self._channel != Channel.EMAIL or not claims.messages:
            return claims, 0
        try:
            most, weight = first_that_fit(self._weights, claims.messages)
        except DATABASE_AWAY:
            most, weight = 0, 0
        if most < len(claims.messages):
            self._record(journal, [Answer(each, None) for each in claims.messages[most:]], [])
        return replace(claims, messages=claims.messages[:most]), weight

    async def _pause(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._woken.wait()
        except TimeoutError:
            pass

    def _delivered(self, task: asyncio.Task[None]) -> None:
        del self._windows[task]
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("A window of the outbox broke; its claims run out.", exc_info=error)

    async def _deliver(self, journal: OutboxJournal, window: Window) -> None:
        answers, said = await self._answers(journal, window)
        self._windows.learn(window)
        await self._in_thread(lambda: self._record(journal, answers, said))
        self.sent += len(answers)

    async def _answers(self, journal: OutboxJournal, window: Window) -> tuple[list[Answer], list[Said]]:
        """What is to be recorded, and what the providers said."""
        if window.wait:
            await asyncio.sleep(min(window.wait, FRESH_SECONDS + LEAST_SECONDS))
        try:
            made = await self._composers.made_of(window.claimed, self._in_thread)
        except DATABASE_AWAY:
            return [Answer(claimed, None) for claimed in window.claimed], []
        answers: list[Answer] = []
        going = self._going(window.claimed, made, answers)
        # Reading a content took that long, which is at hand next time; or others had taken what was there of a rate; or
        # Postgres was away, and the claim may have run out. One that took that long itself may still go out at once:
        # where all of them do nothing else ever would.
        if time.monotonic() > max(window.checked_at + FRESH_SECONDS, window.claimed_at + LEAST_SECONDS):
            return answers + [Answer(claimed, None) for claimed, _ in going], []
        until = fresh_until(window.checked_at)
        window.is_handed_over = True
        try:
            async with kept_fresh(until, partial(self._is_unchanged, journal, [claimed for claimed, _ in going])):
                said = await hand_over_by_routes(self._open_routes(), going, until, window.providers)
        finally:
            window.is_handed_over = False
        for each in said:
            for claimed, outcome in zip(each.claims, each.outcomes, strict=True):
                answers.append(Answer(claimed, self._result(claimed, outcome, each.provider)))
        return answers, said

    async def _is_unchanged(self, journal: OutboxJournal, claims: Sequence[Claimed]) -> bool:
        try:
            return await self._in_thread(lambda: journal.is_unchanged(claims))
        except DATABASE_AWAY:
            return False

    def _going(
        self, claims: Sequence[Claimed], made: Sequence[OutgoingMessage | Result], answers: list[Answer]
    ) -> list[Going]:
        """What is handed over; of the rest the answers are added to `answers`."""
        going: list[Going] = []
        for claimed, message in zip(claims, made, strict=True):
            if claimed.is_suppressed:
                answers.append(Answer(claimed, suppressed_result(claimed.message)))
            elif (resent := claimed.resent) and (
                held_back := held_back_result(claimed.message, resent.run_state, resent.quiet)
            ):
                answers.append(Answer(claimed, held_back))
            elif isinstance(message, Result):
                answers.append(Answer(claimed, message))
            elif (bound := bound_to_account(self._open_routes(), claimed, message)) is not None:
                going.append((claimed, bound))
            else:
                answers.append(Answer(claimed, astray_result(claimed.message)))
        return going

    def _result(self, claimed: Claimed, outcome: Outcome, provider: str) -> Result | None:
        """None for what goes back at once: its turn did not come in time, or this courier ends."""
        if outcome.kind is OutcomeKind.UNSENT and (outcome.code == LATE or self._stop_at is not None):
            return None
        result = to_result(claimed.message, outcome, self._policy)
        return result if result.provider else result._replace(provider=provider)

    def _record(self, journal: OutboxJournal, answers: Sequence[Answer], said: Sequence[Said]) -> None:
        """Until it is written: what was handed over is known here only."""
        began = time.monotonic()
        while True:
            try:
                journal.record(answers)
                break
            except DATABASE_AWAY as error:
                waited = time.monotonic() - (self._stop_at or began)
                if waited > (_STOP_SECONDS if self._stop_at is not None else _EVIDENCE_SECONDS):
                    log.warning("The answers of %s messages could not be kept.", len(answers))
                    return
                log.warning("Postgres is away; trying again: %s", str(error).splitlines()[0])
                time.sleep(_AWAY_SECONDS)
        for each in said:
            journal.note(each.provider, each.outcomes)

    async def _renew(self) -> None:
        """Renew the claims of windows that take long."""
        while True:
            await asyncio.sleep(self._settings.lease_seconds / 5)
            windows = [w for w in self._windows.values() if time.monotonic() - w.renewed_at > 1.0]
            if not windows:
                continue
            asked_at = time.monotonic()
            claims = [claimed for window in windows for claimed in window.claimed]
            renewed = await self._loop_of().run_in_executor(self._keeper, lambda: self._renewed(claims))  # noqa: B023
            for window in windows:
                window.renewed_at = asked_at if renewed else window.renewed_at

    def _renewed(self, claims: Sequence[Claimed]) -> bool:
        try:
            self._connection = self._connection or self._database.connect()
            renew(self._connection, claims, self._settings.lease_seconds)
        except psycopg.Error as error:
            log.warning("Claims could not be renewed: %s", str(error).splitlines()[0])
            if self._connection is not None:
                self._connection.close()
            self._connection = None
            return False
        return True

    async def _watch(self) -> None:
        """Close a provider's connections when the claims of what it has were not renewed: soon they are lost."""
        while True:
            await asyncio.sleep(_AWAY_SECONDS)
            oldest = time.monotonic() - self._settings.lease_seconds * 2 / 3
            for window in list(self._windows.values()):
                if window.is_handed_over and window.renewed_at < oldest:
                    log.error("Claims were not renewed in time; the provider's connections are closed.")
                    self._abort(window)
                    window.renewed_at = time.monotonic()  # once

    def _abort(self, window: Window) -> None:
        for provider in window.providers:
            provider.abort()
            self._open_routes().forget(provider)

    async def _finish(self) -> None:
        """Wait for what is out; then cut it off, which says what became of it."""
        if self._windows:
            await asyncio.wait(self._windows, timeout=_STOP_SECONDS)
        if self._windows:
            for window in self._windows.values():
                self._abort(window)
            await asyncio.wait(self._windows, timeout=_STOP_SECONDS)
        await self._open_routes().close()

    def _open_routes(self) -> OpenRoutes:
        assert self._routes is not None
        return self._routes

    def _loop_of(self) -> asyncio.AbstractEventLoop:
        assert self._loop is not None
        return self._loop

    def _in_thread(self, work: Callable[[], _T]) -> asyncio.Future[_T]:
        return self._loop_of().run_in_executor(self._executor, work)
