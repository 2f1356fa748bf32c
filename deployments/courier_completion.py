"""The courier's duty to complete SMS campaigns when nothing more is expected of their messages."""

import logging
import time

from models.session import Database
from models.store.campaign_states import complete_reported

log = logging.getLogger("courier")

_EVERY_SECONDS = 2.0
_REPORT_HOURS = 72  # operators keep a message for a phone that is off for two or three days


class Completion:
    """Moves campaigns from `sent` to `completed`."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._rest_until = 0.0

    def complete_campaigns(self) -> None:
        """Complete those whose final reports are there, or were waited for long enough."""
        if time.monotonic() < self._rest_until:
            return
        with self._database.transaction(None) as session:
            completed = complete_reported(session, report_hours=_REPORT_HOURS)
        self._rest_until = time.monotonic() + _EVERY_SECONDS
        for campaign_id in completed:
            log.info("SMS campaign %s is completed: nothing more is expected of its messages.", campaign_id)
