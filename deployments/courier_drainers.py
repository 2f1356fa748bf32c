"""The courier's duty to start draining flows where runs wait for one and the API's start did not get through."""

import logging
import time

from api.starter import start_drainer
from models.pipelines import DEPLOYMENTS, DRAINED
from models.session import Database
from models.settings import Settings
from models.store import heartbeats, loose_ends

log = logging.getLogger("courier")

_AFTER_SECONDS = 2.0  # the API starts them itself
_MORE_AFTER_SECONDS = 15.0  # what waits for that long beside a sender wants another one
_PAUSE_SECONDS = 15.0  # between two starts for a kind: a flow takes 1–12 s to begin, and takes all that is there
_SILENT_SECONDS = 8.0  # a draining flow beats every 2 s


class DrainerStarts:
    """Sees that bulk SMS and batches of email have a flow that sends them."""

    def __init__(self, settings: Settings, database: Database) -> None:
        self._settings = settings
        self._database = database
        self._rest_until = dict.fromkeys(DRAINED, 0.0)

    def start_missing(self) -> None:
        """Start a flow of each kind whose runs wait and that has not enough of them."""
        for kind in DRAINED:
            if time.monotonic() < self._rest_until[kind]:
                continue
            with self._database.transaction(None) as session:
                waiting = loose_ends.waits_for_drainer(session, kind)
                if waiting is None or waiting < _AFTER_SECONDS:
                    continue
                active = heartbeats.count_alive(session, DEPLOYMENTS[kind], silent_seconds=_SILENT_SECONDS)
            if active >= (1 if waiting < _MORE_AFTER_SECONDS else self._settings.drainers):
                continue
            self._rest_until[kind] = time.monotonic() + _PAUSE_SECONDS
            if start_drainer(self._settings, kind) is not None:
                log.info("Started %s.", DEPLOYMENTS[kind])
