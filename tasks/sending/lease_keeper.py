"""Renews a sender's lease on a connection of its own, and knows when it could not."""

import logging
import threading
import time

import psycopg

from models.session import Database
from models.store.chunks import Lease
from models.store.leases import renew

log = logging.getLogger(__name__)


class LeaseKeeper:
    """Keeps the lease of the chunk at hand, renewing every fifth of it. Use as a context manager.

    `is_lost` tells by the clock, not by an answer: a connection that hangs must not keep the sender going. It turns
    true after two thirds of the lease, so that this sender is silent before another may take the chunk.
    """

    def __init__(self, database: Database, lease_seconds: float) -> None:
        self._database = database
        self._lease_seconds = lease_seconds
        self._lease: Lease | None = None
        self._renewed_at = 0.0
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._keep, name="lease-keeper", daemon=True)

    def __enter__(self) -> "LeaseKeeper":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._thread.join(timeout=self._lease_seconds)

    def hold(self, lease: Lease | None, claimed_at: float) -> None:
        """Keep this lease from now on (None: nothing to keep). `claimed_at`: time.monotonic before it was claimed."""
        with self._lock:
            self._lease = lease
            self._renewed_at = claimed_at

    def is_lost(self) -> bool:
        """Whether the lease was not renewed for two thirds of its time."""
        with self._lock:
            held = self._lease is not None
            return held and time.monotonic() - self._renewed_at > self._lease_seconds * 2 / 3

    def _keep(self) -> None:
        connection: psycopg.Connection | None = None
        while not self._stopped.wait(self._lease_seconds / 5):
            with self._lock:
                lease = self._lease
            if lease is None:
                continue
            asked_at = time.monotonic()
            try:
                connection = connection or self._database.connect()
                renewed = renew(connection, [lease], self._lease_seconds)
            except psycopg.Error as error:
                log.warning("The lease of chunk %s could not be renewed: %s", lease.no, str(error).splitlines()[0])
                if connection is not None:
                    connection.close()
                connection = None
                continue
            with self._lock:
                # Not renewed: finished a moment ago, or another sender's by now. The next write will tell.
                if renewed and self._lease == lease:
                    self._renewed_at = asked_at
        if connection is not None:
            connection.close()
