"""The courier's part that removes what was kept long enough."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy.orm import Session

from models.session import Database
from models.store.blobs import remove_expired_blobs
from models.store.idempotency_keys import remove_old_answers
from models.store.incoming_events import forget_old_keys
from models.store.rate_buckets import forget_unused

_KEYS_DAYS = 35  # providers repeat a report for days, not for weeks


@dataclass(slots=True)
class _Kept:
    """A kind of thing: at most so many are removed in one transaction, and looked for that often."""

    remove: Callable[[Session, int], int]
    most: int
    seconds: float
    at: float = 0.0


class Removal:
    """Answers kept for idempotency keys, keys of reports, ended runs' rates, files. `remove_old` does what is due."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._kinds = [
            # An answer that is kept a minute too long is not found any more, and harms nobody.
            # One may hold the ids of 10,000 messages.
            _Kept(lambda session, most: remove_old_answers(session, limit=most), 1000, 60.0),
            _Kept(lambda session, most: forget_old_keys(session, days=_KEYS_DAYS, limit=most), 10_000, 3600.0),
            _Kept(lambda session, most: forget_unused(session, limit=most), 10_000, 3600.0),
            # A file may have 20 MB.
            _Kept(lambda session, most: remove_expired_blobs(session, limit=most), 20, 60.0),
        ]

    def remove_old(self) -> None:
        """Remove of each kind that is due. Where there were more, the rest is for the next tick."""
        for kind in self._kinds:
            if time.monotonic() < kind.at:
                continue
            with self._database.transaction(None) as session:
                removed = kind.remove(session, kind.most)
            kind.at = 0.0 if removed == kind.most else time.monotonic() + kind.seconds
