"""An embedded PostgreSQL that runs, refuses everybody, and will not stop doing so by itself."""

import time
from collections.abc import Callable

import psutil
import psycopg

from deployments.postgres import PID_FILE, Cluster, postmaster_pid

_PATIENCE_SECONDS = 30.0  # an orderly stop that somebody asked for needs some as well
_CONNECT_SECONDS = 2
# What the server says when it is starting, recovering or stopping; too many connections it says otherwise.
_REFUSES = "the database system is"
_RECOVERS = "postgres: startup"


class Refusing:
    """Whether the server has to be ended: it has refused everybody for half a minute, and nothing of it is recovering.

    Two ways into that are known. A SIGTERM to the server lets nobody in any more, and waits until the last session has
    ended, which those of the API never do
    (https://www.postgresql.org/docs/18/server-shutdown.html, "Smart Shutdown"). And when recovery after a crash finds
    no room on the disk within milliseconds, PostgreSQL 18.4 may take the end of its startup process for part of the
    crash before, and wait for it for ever: once in about 50 runs of the trial with a disk that is full to its last
    byte. Recovery itself may take as long as it needs.
    """

    def __init__(
        self,
        cluster: Cluster,
        *,
        patience: float = _PATIENCE_SECONDS,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._cluster = cluster
        self._patience = patience
        self._monotonic = monotonic
        self._since: float | None = None

    def __call__(self) -> bool:
        """Look; takes 2 s at most. The half minute begins with the first look that finds it so."""
        if not self._refuses() or self._recovers():
            self._since = None
            return False
        now = self._monotonic()
        self._since = now if self._since is None else self._since
        return now - self._since >= self._patience

    def _refuses(self) -> bool:
        try:
            psycopg.connect(self._cluster.superuser_url(), connect_timeout=_CONNECT_SECONDS).close()
        except psycopg.OperationalError as error:
            return _REFUSES in str(error)
        return False

    def _recovers(self) -> bool:
        try:
            children = psutil.Process(postmaster_pid(self._cluster.data / PID_FILE)).children()
        except psutil.NoSuchProcess:
            return False
        return any(_title(child).startswith(_RECOVERS) for child in children)


def _title(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""
