"""The courier's thread that tells webhook endpoints what waits for them."""

import logging
import threading

import uvloop

from models.session import Database
from models.settings import Settings
from tasks.webhooks.delivering import WebhookSender
from tasks.webhooks.posting import TOTAL_SECONDS

log = logging.getLogger("courier")

_REST_SECONDS = 5.0
_STOP_SECONDS = TOTAL_SECONDS + 3.0


class WebhooksThread:
    """Posts webhooks. Use `start`, `stop`."""

    def __init__(self, database: Database, settings: Settings) -> None:
        self._database = database
        self._settings = settings
        self._stopped = threading.Event()
        self._sender: WebhookSender | None = None
        self._thread = threading.Thread(target=self._tell, name="webhooks")

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def ask_to_stop(self) -> None:
        """Claim nothing more."""
        self._stopped.set()
        if self._sender is not None:
            self._sender.stop()

    def stop(self) -> None:
        """End, when what is out is answered, or too late."""
        self.ask_to_stop()
        if self._thread.is_alive():
            self._thread.join(timeout=_STOP_SECONDS)

    def _tell(self) -> None:
        while not self._stopped.is_set():
            try:
                self._sender = WebhookSender(self._database, self._settings)
                if not self._stopped.is_set():
                    uvloop.run(self._sender.run())
            except Exception:
                log.exception("What tells webhook endpoints broke; it is started again.")
                self._stopped.wait(_REST_SECONDS)
