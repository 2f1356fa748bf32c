"""The courier's thread for email domains: DNS and providers may take half a minute, and must not hold up the other
duties."""

import logging
import threading
import time
from collections.abc import Callable

from models.errors import SetupError
from models.session import DATABASE_AWAY, Database
from models.settings import Settings
from tasks.domains.rechecking import recheck_next
from tasks.domains.registering import Registering

log = logging.getLogger("courier")

_LOOK_SECONDS = 5.0
_MOST_AT_ONCE = 50
_TROUBLED_SECONDS = 300.0  # a machine without a resolver, or a secret key that opens nothing, stays so for a while


class DomainsThread:
    """Looks at verified domains again, and asks providers about domains. Use `start`, `ask_to_stop`, `stop`."""

    def __init__(self, database: Database, settings: Settings) -> None:
        self._database = database
        self._settings = settings
        self._registering = Registering(database, settings)
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._look, name="domains", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def ask_to_stop(self) -> None:
        """Begin with no further domain."""
        self._stopped.set()

    def stop(self) -> None:
        """End. A question that nobody answers is left: the domain is taken again later."""
        self.ask_to_stop()

    def _look(self) -> None:
        waits = dict.fromkeys((self._recheck, self._register), 0.0)  # each waits for itself: one may be troubled
        while not self._stopped.wait(_LOOK_SECONDS):
            for work, until in waits.items():
                if time.monotonic() >= until and not self._stopped.is_set():
                    waits[work] = time.monotonic() + (0.0 if self._is_well(work) else _TROUBLED_SECONDS)

    def _is_well(self, work: Callable[[], None]) -> bool:
        try:
            work()
        except DATABASE_AWAY as error:
            log.warning("Postgres is away: %s", str(error).splitlines()[0])
        except SetupError as error:
            log.warning("Domains cannot be looked at: %s", error)
            return False
        except Exception:
            log.exception("A domain could not be looked at; it is tried again.")
        return True

    def _recheck(self) -> None:
        self._repeat(lambda: recheck_next(self._database, self._settings))

    def _register(self) -> None:
        self._registering.look()
        self._repeat(self._registering.ask_next)

    def _repeat(self, one: Callable[[], bool]) -> None:
        """Until there is no further domain; the other's turn comes after some at the latest."""
        for _ in range(_MOST_AT_ONCE):
            if self._stopped.is_set() or not one():
                return
