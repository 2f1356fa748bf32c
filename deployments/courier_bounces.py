"""The courier's thread that reads the mailbox of bounces: a mail server that answers slowly holds up nothing else."""

import logging
import threading

from models.session import DATABASE_AWAY, Database
from models.settings import Settings
from tasks.bounces.imap_mailbox import MailboxAway, parse_mailbox_url, read_mailbox
from tasks.providers.return_paths import return_paths_of

log = logging.getLogger("courier")

_LOOK_SECONDS = 30.0
_LONGEST_SECONDS = 300.0  # after failures: servers lock out who logs in too often
_STOP_SECONDS = 10.0


class BouncesThread:
    """Reads the mailbox every half minute, where one is configured. Use `start`, `stop`. Raises SetupError."""

    def __init__(self, database: Database, settings: Settings) -> None:
        self._database = database
        self._address = parse_mailbox_url(settings.bounce_imap_url) if settings.bounce_imap_url else None
        self._return_paths = return_paths_of(settings) if self._address else None
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._read, name="bounces", daemon=True)

    def start(self) -> None:
        """Begin, if there is a mailbox."""
        if self._address is not None:
            self._thread.start()

    def ask_to_stop(self) -> None:
        """Read no further mails but those at hand."""
        self._stopped.set()

    def stop(self) -> None:
        """End, when the mails at hand are put away. A server that does not answer is not waited for: what is not put
        away is read again."""
        self.ask_to_stop()
        if self._thread.is_alive():
            self._thread.join(timeout=_STOP_SECONDS)

    def _read(self) -> None:
        wait = 0.0
        while not self._stopped.wait(wait):
            wait = _LOOK_SECONDS if self._read_once() else min(_LONGEST_SECONDS, max(wait, _LOOK_SECONDS) * 2)

    def _read_once(self) -> bool:
        assert self._address is not None
        assert self._return_paths is not None
        try:
            if count := read_mailbox(self._database, self._return_paths, self._address):
                log.info("%s mails of the mailbox of bounces were read.", count)
        except MailboxAway as error:
            log.warning("%s", error)
        except DATABASE_AWAY as error:
            log.warning("Postgres is away: %s", str(error).splitlines()[0])
        except Exception:
            log.exception("The mailbox of bounces could not be read; it is tried again.")
        else:
            return True
        return False
