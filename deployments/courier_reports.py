"""The courier's part in what providers report: applying it, and forgetting what cannot come again."""

import time

from models.session import Database
from models.store.incoming_events import forget_old_keys
from tasks.reports.apply import apply_due

_SECONDS = 0.5  # of a tick; what is left is applied at the next
_FORGET_SECONDS = 3600.0
_KEYS_DAYS = 35  # providers repeat a report for days, not for weeks
_KEYS_MAX = 10_000


class Reports:
    """Two duties of the courier."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._forget_at = 0.0

    def apply(self) -> None:
        """Apply what is due."""
        apply_due(self._database, seconds=_SECONDS)

    def forget_old(self) -> None:
        """Now and then, forget the keys of old reports."""
        if time.monotonic() < self._forget_at:
            return
        with self._database.transaction(None) as session:
            removed = forget_old_keys(session, days=_KEYS_DAYS, limit=_KEYS_MAX)
        # More than were taken at once are taken at the next tick.
        self._forget_at = 0.0 if removed == _KEYS_MAX else time.monotonic() + _FORGET_SECONDS
