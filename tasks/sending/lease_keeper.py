"""Renews a sender's leases on a connection of its own, and knows when it could not."""

import logging
import threading
import time
from uuid import UUID

import psycopg

from models.session import Database
from models.store.chunks import Lease
from models.store.leases import renew

log = logging.getLogger(__name__)

_Key = tuple[UUID, int, int]


class LeaseKeeper:
    """Keeps the leases of the chunks at hand, renewing every fifth of them. Use as a context manager.

    `is_lost` tells by the clock, not by an answer: a connection that hangs must not keep the sender going. It turns
    true after two thirds of the lease, so that this sender is silent before another may take the chunk. One statement
    renews all, so what is true of one lease is true of the others.
    """

    def __init__(self, database: Database, lease_seconds: float) -> None:
        self._database = database
        self._lease_seconds = lease_seconds
        self._held: dict[_Key, tuple[Lease, float]] = {}  # with the last renewal, by time.monotonic
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._keep, name="lease-keeper", daemon=True)

    def __enter__(self) -> "LeaseKeeper":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._thread.join(timeout=self._lease_seconds)

    def hold(self, lease: Lease, claimed_at: float) -> None:
        """Keep this lease from now on. `claimed_at`: time.monotonic before it was claimed."""
        with self._lock:
            self._held[_key(lease)] = (lease, claimed_at)

    def drop(self, lease: Lease) -> None:
        """Keep it no longer: its chunk was given back, or is another sender's."""
        with self._lock:
            self._held.pop(_key(lease), None)

    def is_lost(self) -> bool:
        """Whether a lease was not renewed for two thirds of its time."""
        with self._lock:
            oldest = min((renewed_at for _, renewed_at in self._held.values()), default=None)
        return oldest is not None and time.monotonic() - oldest > self._lease_seconds * 2 / 3

    def _keep(self) -> None:
        connection: psycopg.Connection | None = None
        while not self._stopped.wait(self._lease_seconds / 5):
            with self._lock:
                leases = [lease for lease, _ in self._held.values()]
            if not leases:
                continue
            asked_at = time.monotonic()
            try:
                connection = connection or self._database.connect()
                renewed = renew(connection, leases, self._lease_seconds)
            except psycopg.Error as error:
                log.warning("%s leases could not be renewed: %s", len(leases), str(error).splitlines()[0])
                if connection is not None:
                    connection.close()
                connection = None
                continue
            with self._lock:
                # Not renewed: finished a moment ago, or another sender's by now. The next write will tell.
                self._held |= {_key(lease): (lease, asked_at) for lease in renewed if _key(lease) in self._held}
        if connection is not None:
            connection.close()


def _key(lease: Lease) -> _Key:
    return lease.run_id, lease.no, lease.fence
