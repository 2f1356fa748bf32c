"""The courier's thread for email domains: DNS may take half a minute, and must not hold up the other duties."""

import logging
import threading

from models.errors import SetupError
from models.session import DATABASE_AWAY, Database
from models.settings import Settings
from tasks.domains.rechecking import recheck_next

log = logging.getLogger("courier")

_LOOK_SECONDS = 5.0
_TROUBLED_SECONDS = 300.0  # a machine without a resolver, or a secret key that opens nothing, stays so for a while


class DomainsThread:
    """Looks at verified domains again. Use `start`, `ask_to_stop`, `stop`."""

    def __init__(self, database: Database, settings: Settings) -> None:
        self._database = database
        self._settings = settings
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._look, name="domains", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def ask_to_stop(self) -> None:
        """Begin with no further domain."""
        self._stopped.set()

    def stop(self) -> None:
        """End. A question that DNS does not answer is left: the domain is taken again later."""
        self.ask_to_stop()

    def _look(self) -> None:
        wait = _LOOK_SECONDS
        while not self._stopped.wait(wait):
            wait = _LOOK_SECONDS
            try:
                while not self._stopped.is_set() and recheck_next(self._database, self._settings):
                    pass
            except DATABASE_AWAY as error:
                log.warning("Postgres is away: %s", str(error).splitlines()[0])
            except SetupError as error:
                wait = _TROUBLED_SECONDS
                log.warning("Domains cannot be looked at: %s", error)
            except Exception:
                log.exception("A domain could not be looked at; it is tried again.")
