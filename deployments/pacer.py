"""Sends all paced runs outside Prefect: `python -m deployments.pacer PID`, a child of the courier.

It ends after half a minute without any, and the courier starts it again when there is one. SIGTERM, or the end of the
courier, whose PID it is given (it may end while this imports), ends it with everything recorded and given back.
"""

import logging
import os
import signal
import sys
import threading

from models.session import Database, Role
from models.settings import load_settings
from tasks.sending.pacing import CONNECTIONS, send_paced

_IDLE_SECONDS = 30.0


def main() -> None:
    """Send what is paced."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    courier = int(sys.argv[1])
    settings = load_settings()
    database = Database(settings, Role.ENGINE, pool_size=CONNECTIONS, application_name="exosend-pacer")
    # A courier that was killed takes no child with it, and the next one starts a pacer of its own.
    send_paced(database, settings, idle_seconds=_IDLE_SECONDS, stop=lambda: stop.is_set() or os.getppid() != courier)
    database.close()


if __name__ == "__main__":
    main()
