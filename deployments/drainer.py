"""One sender of one run outside Prefect: `python -m deployments.drainer RUN EPOCH`, a child of the courier.

SIGTERM ends it with everything recorded and given back.
"""

import logging
import signal
import sys
import threading
from uuid import UUID

from models.session import Database, Role
from models.settings import load_settings
from tasks.sending.sender import send_run


def main(run_id: UUID, epoch: int) -> None:
    """Send what is free of the run."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    settings = load_settings()
    database = Database(settings, Role.ENGINE, application_name="exosend-drainer")
    tally = send_run(database, settings, run_id, epoch, stop=stop.is_set)
    logging.getLogger(__name__).info("Run %s: %s", run_id, tally)
    database.close()


if __name__ == "__main__":
    main(UUID(sys.argv[1]), int(sys.argv[2]))
