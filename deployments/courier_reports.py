"""The courier's thread that applies what providers reported and what people wrote back: a backlog must not hold up the
other duties."""

import logging
import threading

from models.session import DATABASE_AWAY, Database
from tasks.reports.apply import apply_due
from tasks.reports.replies import apply_replies

log = logging.getLogger("courier")

_LOOK_SECONDS = 0.25
_AT_ONCE_SECONDS = 0.5  # after which it asks whether to end
_STOP_SECONDS = 10.0


class ReportsThread:
    """Applies replies and reports as they are due. Use `start`, `stop`."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._apply, name="reports")

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def ask_to_stop(self) -> None:
        """Begin no further batch but the one at hand."""
        self._stopped.set()

    def stop(self) -> None:
        """End, when the batch at hand is done."""
        self.ask_to_stop()
        if self._thread.is_alive():
            self._thread.join(timeout=_STOP_SECONDS)

    def _apply(self) -> None:
        while not self._stopped.wait(_LOOK_SECONDS):
            try:
                apply_replies(self._database, seconds=_AT_ONCE_SECONDS)  # a STOP waits for no backlog of reports
                apply_due(self._database, seconds=_AT_ONCE_SECONDS)
            except DATABASE_AWAY as error:
                log.warning("Postgres is away: %s", str(error).splitlines()[0])
            except Exception:
                log.exception("Reports could not be applied; it is tried again.")
