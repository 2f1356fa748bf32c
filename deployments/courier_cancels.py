"""The courier's thread that sees what people cancel in Prefect's UI; a Prefect that hangs holds up nothing else."""

import logging
import threading

import httpx2

from models.session import DATABASE_AWAY, Database
from models.settings import Settings
from models.store.loose_ends import flows_at_work
from tasks.runs.prefect_cancels import reflect_cancels

log = logging.getLogger("courier")

_LOOK_SECONDS = 0.5  # with the next window's look-up less than two seconds from the click to the last hand-over
_AWAY_SECONDS = 5.0
_STOP_SECONDS = 5.0


class CancelsThread:
    """Cancels campaigns whose flow run was cancelled: one request for all of them. Use `start`, `stop`."""

    def __init__(self, database: Database, settings: Settings) -> None:
        self._database = database
        self._settings = settings
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="cancels")

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def ask_to_stop(self) -> None:
        """Ask Prefect no more."""
        self._stopped.set()

    def stop(self) -> None:
        """End, when the request at hand is answered."""
        self.ask_to_stop()
        if self._thread.is_alive():
            self._thread.join(timeout=_STOP_SECONDS)

    def look(self) -> None:
        """Once. Raises httpx2.HTTPError when Prefect is away, and what is raised when Postgres is."""
        with self._database.transaction(None) as session:
            flows = flows_at_work(session)
        reflect_cancels(self._database, self._settings.prefect_url, flows)

    def _watch(self) -> None:
        wait = _LOOK_SECONDS
        while not self._stopped.wait(wait):
            wait = _LOOK_SECONDS
            try:
                self.look()
            except httpx2.HTTPError as error:
                log.info("Prefect is away (%s); what is cancelled there is seen later.", type(error).__name__)
                wait = _AWAY_SECONDS
            except DATABASE_AWAY as error:
                log.warning("Postgres is away: %s", str(error).splitlines()[0])
            except Exception:
                log.exception("What is cancelled in Prefect could not be seen; it is tried again.")
