"""The courier's threads that send the outbox: one a channel, and one that waits to be woken."""

import logging
import threading
import time

import psycopg
import uvloop

from models.session import DATABASE_AWAY, Database, Role
from models.settings import Settings
from models.store.outbox import listen
from tasks.sending.outbox import OutboxSender

log = logging.getLogger("courier")

CHANNELS = ("email", "sms")
_CONNECTIONS = 10  # two senders with four threads each, and what reads contents
_REST_SECONDS = 5.0  # a sender that cannot start (a mail server's address that is wrong) is tried again
_AWAY_SECONDS = 0.5
_STOP_SECONDS = 20.0


class OutboxThreads:
    """Sends singles and small runs beside the courier's duties, which must not hold them up. Use `start`, `stop`."""

    def __init__(self, settings: Settings, who: str) -> None:
        self._settings = settings
        self._who = who
        self._database = Database(
            settings, Role.ENGINE, pool_size=_CONNECTIONS, application_name="exosend-courier-outbox"
        )
        self._stopped = threading.Event()
        self._senders: dict[str, OutboxSender] = {}
        self._threads = [
            threading.Thread(target=self._send, args=(channel,), name=f"outbox-{channel}") for channel in CHANNELS
        ]
        if settings.courier_listens:
            self._threads.append(threading.Thread(target=self._listen, name="outbox-listen"))

    def start(self) -> None:
        """Begin to send."""
        for thread in self._threads:
            thread.start()

    def ask_to_stop(self) -> None:
        """Claim nothing more."""
        self._stopped.set()
        for sender in list(self._senders.values()):
            sender.stop()

    def stop(self) -> None:
        """End: what is out is waited for, for some seconds, and recorded."""
        self.ask_to_stop()
        for thread in self._threads:
            if thread.is_alive():
                thread.join(timeout=_STOP_SECONDS)
        self._database.close()

    def _send(self, channel: str) -> None:
        while not self._stopped.is_set():
            sender = OutboxSender(self._database, self._settings, channel, who=f"{self._who}:{channel}")
            self._senders[channel] = sender
            if self._stopped.is_set():
                return
            try:
                uvloop.run(sender.run())
            except Exception:
                log.exception("What sends single messages (%s) broke; it is started again.", channel)
                self._stopped.wait(_REST_SECONDS)

    def _listen(self) -> None:
        while not self._stopped.is_set():
            try:
                with self._database.connect() as connection:
                    for heard in listen(connection):
                        if self._stopped.is_set():
                            return
                        if heard:
                            for sender in list(self._senders.values()):
                                sender.wake()
            except (psycopg.Error, *DATABASE_AWAY) as error:
                log.warning("Nobody wakes the courier just now, it looks by itself: %s", str(error).splitlines()[0])
                time.sleep(_AWAY_SECONDS)
