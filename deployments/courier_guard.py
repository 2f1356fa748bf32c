"""The courier's duty to have campaigns pause themselves."""

import logging
import time

from models.session import Database
from tasks.runs.guard import pause_failing

log = logging.getLogger("courier")

_EVERY_SECONDS = 1.0


class Guard:
    """Looks at the counters of campaigns that are being sent, once a second."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._rest_until = 0.0

    def pause_campaigns(self) -> None:
        """Pause those of which too much goes wrong."""
        if time.monotonic() < self._rest_until:
            return
        self._rest_until = time.monotonic() + _EVERY_SECONDS
        for paused in pause_failing(self._database):
            log.warning("Campaign %s paused itself: %s", paused.campaign_id, paused.reason)
