"""The courier's thread for all that is asked of Prefect: a server that hangs holds up nothing else."""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

import httpx2

from deployments.prefect_api import PrefectApi
from deployments.prefect_schedule import mirror_schedules
from models.session import DATABASE_AWAY, Database
from models.settings import Settings
from models.store.loose_ends import flows_at_work
from tasks.runs.prefect_cancels import reflect_cancels
from tasks.runs.stuck import restart_stuck

log = logging.getLogger("courier")

_CANCELS_SECONDS = 0.5  # with the next window's look-up less than two seconds from the click to the last hand-over
_STUCK_SECONDS = 2.0
_SCHEDULES_SECONDS = 3.0
_DEPLOYMENTS_SECONDS = 5.0
_AWAY_SECONDS = 5.0
_STOP_SECONDS = 5.0
# At the start of a stack it is another process that applies them, and nobody wants to do so twice.
_MISSING_SECONDS = 60.0


@dataclass(slots=True)
class _Duty:
    do: Callable[[], None]
    seconds: float
    at: float = 0.0


class PrefectThread:
    """Reflects cancels, restarts what Prefect has lost, mirrors schedules. Use `start`, `stop`."""

    def __init__(self, database: Database, settings: Settings) -> None:
        self._database = database
        self._settings = settings
        self._server = PrefectApi(settings)
        self._were_known = False
        self._missing_since: float | None = None
        self._must_set_up = threading.Event()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="prefect")
        self._duties = [
            _Duty(self._reflect_cancels, _CANCELS_SECONDS),
            _Duty(self._restart_stuck, _STUCK_SECONDS),
            _Duty(self._mirror_schedules, _SCHEDULES_SECONDS),
            _Duty(self._look_for_deployments, _DEPLOYMENTS_SECONDS),
        ]

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
        self._server.close()

    def must_set_up(self) -> bool:
        """Whether Prefect has lost the work pool or a deployment, since this was last asked."""
        must = self._must_set_up.is_set()
        self._must_set_up.clear()
        return must

    def look(self) -> None:
        """Do what is due. Raises httpx2.HTTPError when Prefect is away, and what is raised when Postgres is."""
        for duty in self._duties:
            if time.monotonic() >= duty.at:
                duty.at = time.monotonic() + duty.seconds
                duty.do()

    def _reflect_cancels(self) -> None:
        with self._database.transaction(None) as session:
            flows = flows_at_work(session)
        reflect_cancels(self._database, self._settings, flows)

    def _restart_stuck(self) -> None:
        restart_stuck(self._database, self._settings)

    def _mirror_schedules(self) -> None:
        mirror_schedules(self._database, self._settings)

    def _look_for_deployments(self) -> None:
        now = time.monotonic()
        if self._server.knows_exosend():
            self._were_known, self._missing_since = True, None
            return
        self._missing_since = self._missing_since or now
        if self._were_known or now - self._missing_since > _MISSING_SECONDS:
            self._must_set_up.set()

    def _watch(self) -> None:
        wait = _CANCELS_SECONDS
        while not self._stopped.wait(wait):
            wait = _CANCELS_SECONDS
            try:
                self.look()
            except httpx2.HTTPError as error:
                log.info("Prefect is away (%s); what happens there is seen later.", type(error).__name__)
                wait = _AWAY_SECONDS
            except DATABASE_AWAY as error:
                log.warning("Postgres is away: %s", str(error).splitlines()[0])
            except Exception:
                log.exception("Prefect and Postgres could not be compared; it is tried again.")
