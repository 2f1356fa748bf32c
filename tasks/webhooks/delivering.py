"""Telling endpoints what waits for them: claimed, posted, recorded; tried again for a day.

Each endpoint has few places, and one that fails a single one, so that none holds up the others. What became of posts is
recorded together, every few milliseconds.
"""

import asyncio
import contextlib
import logging
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from uuid import UUID
from weakref import WeakValueDictionary

from models.encryption import decrypt
from models.errors import SetupError
from models.rules.schedule import format_time
from models.rules.webhook_url import WebhookAddress, parse_webhook_url
from models.rules.webhooks import DeliveryStatus, retry_in
from models.session import DATABASE_AWAY, Database
from models.settings import Settings
from models.store import webhook_queue
from models.store.webhook_queue import ClaimedDelivery, Destination, Told
from tasks.webhooks.connecting import Connector, NameResolver, Resolve, Unreachable, loopback_name, public_or_loopback
from tasks.webhooks.posting import TOTAL_SECONDS, NoAnswer, PostAnswer, Poster
from tasks.webhooks.signing import signed_headers

log = logging.getLogger(__name__)

PLACES = 10  # posts at once to one endpoint
CLAIMED = 5 * PLACES  # of one endpoint; of one that fails, one
# Claims of an endpoint that says nothing go out in fives, each ten after the time-out of the ten before.
_LEASE_SECONDS = 120.0
_CLAIMED_FOR_A_CONNECTION = 5
_POLL_SECONDS = 0.25
_PAUSE_SECONDS = 0.02  # between two claims, so that each finds some
_AWAY_SECONDS = 1.0
_TRIM_SECONDS = 5.0
_GONE = 410


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one post came to: an answer, or why there is none."""

    answer: PostAnswer | None
    error: str | None
    milliseconds: int

    @property
    def status(self) -> int | None:
        """The HTTP status."""
        return None if self.answer is None else self.answer.status


@dataclass(frozen=True, slots=True)
class _Target:
    """Where events go and what they are signed with, or the `error` that keeps them from going. Its repr shows none."""

    address: WebhookAddress | None
    secrets: tuple[str, ...] = field(repr=False)
    error: str | None


def open_poster(settings: Settings) -> Poster:
    """As the settings say: to the public internet and, in development only, to this machine."""
    if not settings.webhooks_to_loopback:
        return Poster(Connector(NameResolver(settings.dns_resolver)))
    return Poster(Connector(_with_localhost(NameResolver(settings.dns_resolver)), public_or_loopback))


def _with_localhost(resolve: Resolve) -> Resolve:
    async def either(host: str) -> list:  # type: ignore[type-arg]
        return await (loopback_name if host == "localhost" else resolve)(host)

    return either


class WebhookSender:
    """Tells endpoints what waits for them. `run` is for an event loop; `stop` may be called from any thread."""

    def __init__(
        self,
        database: Database,
        settings: Settings,
        poster: Poster | None = None,
        *,
        last_seconds: float = TOTAL_SECONDS,
    ) -> None:
        """`last_seconds`: how long what is out when it is stopped is waited for."""
        self._database = database
        self._settings = settings
        self._poster = poster or open_poster(settings)
        self._posts: set[asyncio.Task[None]] = set()
        self._connections = asyncio.Semaphore(settings.webhook_connections)
        self._places: WeakValueDictionary[UUID, asyncio.Semaphore] = WeakValueDictionary()
        self._unsent: list[ClaimedDelivery] = []
        self._done: list[Told] = []
        self._has_changed = asyncio.Event()
        self._stopped = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._trim_at = 0.0
        self._last_seconds = last_seconds

    def stop(self) -> None:
        """Claim nothing more; `run` returns when what is out has ended."""
        self._stopped = True
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):  # it has ended already
                self._loop.call_soon_threadsafe(self._has_changed.set)

    async def run(self) -> None:
        """Until it is stopped."""
        self._loop = asyncio.get_running_loop()
        try:
            while not self._stopped:
                claimed = await self._round()
                if not claimed:
                    await self._wait(_POLL_SECONDS)
                await asyncio.sleep(_PAUSE_SECONDS)
            if self._posts:
                await asyncio.wait(self._posts, timeout=self._last_seconds)
            await self._record()
            await self._give_back()
        finally:
            for post in self._posts:
                post.cancel()
            await self._poster.close()

    async def _wait(self, seconds: float) -> None:
        self._has_changed.clear()
        if not self._done and not self._stopped:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._has_changed.wait(), seconds)

    async def _round(self) -> int:
        """Record what has ended, and claim what there is room for; returns how many were claimed."""
        try:
            await self._record()
            await self._give_back()
            if time.monotonic() >= self._trim_at:
                self._trim_at = time.monotonic() + _TRIM_SECONDS
                await asyncio.to_thread(self._trim)
                self._poster.close_idle()
            return await self._claim()
        except DATABASE_AWAY as error:
            log.warning("Postgres is away: %s", str(error).splitlines()[0])
            await asyncio.sleep(_AWAY_SECONDS)
            return 0

    async def _claim(self) -> int:
        room = self._settings.webhook_connections * _CLAIMED_FOR_A_CONNECTION - len(self._posts)
        if room <= 0 or self._stopped:
            return 0

        def work() -> tuple[list[ClaimedDelivery], dict[UUID, Destination]]:
            with self._database.transaction(None) as session:
                return webhook_queue.claim(session, seconds=_LEASE_SECONDS, limit=room, per_endpoint=CLAIMED)

        until = time.monotonic() + _LEASE_SECONDS - TOTAL_SECONDS
        claims, destinations = await asyncio.to_thread(work)
        targets = {id_: self._target(destination) for id_, destination in destinations.items()}
        for each in claims:
            if (target := targets.get(each.endpoint_id)) is None:
                continue  # it was removed a moment ago, and its events go with it
            post = asyncio.ensure_future(self._tell(each, target, until))
            self._posts.add(post)
            post.add_done_callback(self._posts.discard)
        return len(claims)

    async def _tell(self, claimed: ClaimedDelivery, target: _Target, until: float) -> None:
        """Post it when there is a place; not after `until`, when it may become another's."""
        place = self._places.setdefault(claimed.endpoint_id, asyncio.Semaphore(PLACES))
        async with place, self._connections:
            if self._stopped or time.monotonic() > until:
                self._unsent.append(claimed)
                return
            outcome = await self._post(claimed, target)
        self._done.append(judge(claimed, outcome))
        self._has_changed.set()

    async def _post(self, claimed: ClaimedDelivery, target: _Target) -> Outcome:
        begun = time.monotonic()
        answer, error = None, target.error
        if target.address is not None:
            try:
                headers = signed_headers(claimed.event_id, claimed.payload, target.secrets)
                answer = await self._poster.post(target.address, headers, claimed.payload.encode())
            except (Unreachable, NoAnswer) as failure:
                error = str(failure)
            except Exception:
                log.exception("A webhook could not be posted.")
                error = "It could not be sent."
        return Outcome(answer, error, round((time.monotonic() - begun) * 1000))

    def _target(self, destination: Destination) -> _Target:
        """Once for all events of an endpoint that are claimed together: opening a secret takes as long as a post."""
        try:
            address = parse_webhook_url(destination.url, loopback=self._settings.webhooks_to_loopback)
            secrets = tuple(decrypt(self._settings, secret).decode() for secret in destination.secrets)
        except ValueError:  # what was allowed for development, say
            return _Target(None, (), str(Unreachable()))
        except SetupError:
            log.warning("A webhook's secret cannot be opened: the secret key is not the one it was stored under.")
            return _Target(None, (), "It could not be signed.")
        return _Target(address, secrets, None)

    async def _give_back(self) -> None:
        """Claims that nothing was done for, so that nobody need wait until they run out."""
        unsent, self._unsent = self._unsent, []

        def work() -> None:
            with self._database.transaction(None) as session:
                webhook_queue.release(session, unsent)

        if unsent:
            await asyncio.to_thread(work)

    async def _record(self) -> None:
        done, self._done = self._done, []
        if not done:
            return

        def work() -> list[tuple[UUID, str]]:
            with self._database.transaction(None) as session:
                return webhook_queue.record(session, done)

        try:
            disabled = await asyncio.to_thread(work)
        except DATABASE_AWAY:
            self._done = done + self._done  # while their claims last
            raise
        for endpoint_id, reason in disabled:
            log.warning("Webhook endpoint %s was switched off: %s", endpoint_id, reason)

    def _trim(self) -> None:
        with self._database.transaction(None) as session:
            dropped = webhook_queue.drop_surplus(session, most=self._settings.webhook_queue_limit)
        for endpoint_id, count in dropped.items():
            log.warning(
                "The queue of webhook endpoint %s is full: its oldest %s events are dropped.", endpoint_id, count
            )


def judge(claimed: ClaimedDelivery, outcome: Outcome, *, chance: Callable[[], float] = random.random) -> Told:
    """What follows from one post: only a 2xx is a success; whatever else is tried again while there are tries."""
    now = datetime.now(UTC)
    attempt = {
        "at": format_time(now),
        "status": outcome.status,
        "error": outcome.error,
        "body": None if outcome.answer is None else _shown(outcome.answer.body),
        "milliseconds": outcome.milliseconds,
    }
    if outcome.status is not None and 200 <= outcome.status < 300:
        return Told(claimed, DeliveryStatus.DELIVERED, attempt)
    if outcome.status is not None and 300 <= outcome.status < 400:
        attempt["error"] = "Redirects are not followed: change the endpoint's URL."
    retry_after = None if outcome.answer is None else read_retry_after(outcome.answer.retry_after, now)
    wait = retry_in(claimed.tries + 1, chance(), retry_after)
    status = DeliveryStatus.FAILED if wait is None else DeliveryStatus.PENDING
    return Told(claimed, status, attempt, wait, is_gone=outcome.status == _GONE)


def _shown(body: bytes) -> str:
    """The beginning of an answer as text that Postgres stores."""
    return body.decode("utf-8", "replace").replace("\x00", "\ufffd")


def read_retry_after(header: str | None, now: datetime) -> float | None:
    """Seconds that a Retry-After asks for (RFC 9110, section 10.2.3): a number or a date. None for anything else."""
    if header is None:
        return None
    if header.isascii() and header.isdigit():
        return float(header[:9])
    try:
        return max(0.0, (parsedate_to_datetime(header) - now).total_seconds())
    except (ValueError, TypeError):  # TypeError: a date without a zone
        return None
