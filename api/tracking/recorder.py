"""Keeps what links tell in one INSERT for many requests, which do not wait for it.

An open or a click is a number in a statistic. It is not worth that people wait for a disk before they see a picture or
get to where they want to go, nor that a page stays away while Postgres does. So it waits here, for a tenth of a second,
and is lost if the process is killed right then; while Postgres is away, the last 50,000 wait. What people decide is not
kept this way: who unsubscribes is answered when it is committed.
"""

import atexit
import logging
import time
from collections import deque
from threading import Event, Lock, Thread

from models.session import DATABASE_AWAY, Database
from models.store.engagement import Engagement, park_engagement

log = logging.getLogger(__name__)

_GATHER_SECONDS = 0.1
_AWAY_SECONDS = 1.0
_AT_ONCE = 1000
_MOST = 50_000
_END_SECONDS = 5.0


class Recorder:
    """Keeps engagement of one process. Its thread begins with the first, since what is forked has no threads."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._waiting: deque[Engagement] = deque(maxlen=_MOST)
        self._lock = Lock()
        self._there_is_some = Event()
        self._thread: Thread | None = None

    def note(self, done: Engagement) -> None:
        """Keep it soon. Thread-safe; does not wait."""
        if len(self._waiting) == _MOST:
            log.warning("Postgres has been away for so long that opens and clicks are lost.")
        self._waiting.append(done)
        if not self._there_is_some.is_set():
            self._there_is_some.set()
            self._begin()

    def _begin(self) -> None:
        if self._thread is None:
            with self._lock:
                if self._thread is None:
                    self._thread = Thread(target=self._keep, name="engagement", daemon=True)
                    self._thread.start()
                    atexit.register(self._end)

    def _keep(self) -> None:
        while self._there_is_some.wait():
            time.sleep(_GATHER_SECONDS)
            try:
                self.flush()
            except DATABASE_AWAY as error:
                log.warning("Postgres is away: %s", str(error).splitlines()[0])
                time.sleep(_AWAY_SECONDS)
            except Exception:
                log.exception("Opens and clicks could not be kept.")

    def flush(self) -> None:
        """Keep all that waits, now. Raises what Postgres raises when it is away; then all waits on."""
        with self._lock:
            self._there_is_some.clear()
            while self._waiting:
                taken = [self._waiting.popleft() for _ in range(min(_AT_ONCE, len(self._waiting)))]
                try:
                    with self._database.transaction(None) as session:
                        park_engagement(session, list({each.key: each for each in taken}.values()))
                except DATABASE_AWAY:
                    self._waiting.extendleft(reversed(taken))
                    self._there_is_some.set()
                    raise

    def _end(self) -> None:
        if self._lock.acquire(timeout=_END_SECONDS):
            self._lock.release()
            try:
                self.flush()
            except DATABASE_AWAY:
                log.warning("%s opens and clicks are lost.", len(self._waiting))
