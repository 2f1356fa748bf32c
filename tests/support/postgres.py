"""A Postgres of a test's own, which may be stopped at once and started again."""

import contextlib
import signal
from collections.abc import Iterator
from pathlib import Path

import psycopg

from deployments import postgres
from deployments.postgres import Running
from deployments.postgres_refusing import Refusing
from models.errors import SetupError
from models.migrations.run import upgrade
from models.settings import Settings

_LOG_FILES = 100
_PATIENCE_SECONDS = 5.0  # recovery takes a tenth of one


class OwnPostgres:
    """A migrated database on a server that a test breaks. Commits are on disk as in earnest."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._running: Running = postgres.start(folder)
        self.settings = Settings(
            database_url=self._running.cluster.url(),
            secret_key="a-key-for-tests-only",  # type: ignore[arg-type]
            data_dir=folder,
        )
        upgrade(self._running.cluster.url(), self.settings)

    def stop_at_once(self) -> None:
        """Immediate shutdown: no checkpoint, connections break in the middle of what they do."""
        self._running.process.send_signal(signal.SIGQUIT)
        self._running.process.wait(timeout=30)

    def start_again(self) -> None:
        """Recover from the log, and serve."""
        self._running = postgres.start(self._folder)

    def superuser(self) -> psycopg.Connection:
        """A connection for `use_up_log_files`, made while there is room."""
        return psycopg.connect(self._running.cluster.superuser_url(), autocommit=True)

    def use_up_log_files(self, connection: psycopg.Connection) -> None:
        """Write until a new log file of 16 MB is needed for which there is no room, and the server breaks off.

        One switch is not enough: files that a checkpoint has recycled are used first.
        """
        try:
            with connection:
                for _ in range(_LOG_FILES):
                    with contextlib.suppress(psycopg.errors.DiskFull):
                        connection.execute(
                            "SELECT pg_logical_emit_message(false, 'test', 'something'), pg_switch_wal()"
                        )
        except psycopg.OperationalError:
            return
        raise AssertionError(f"{_LOG_FILES} log files, and still there is room.")

    def serve_again(self) -> None:
        """Wait until it takes connections; started again, as in a stack, if it ended or has to be ended."""
        process, cluster = self._running.process, self._running.cluster
        refusing = Refusing(cluster, patience=_PATIENCE_SECONDS)
        try:
            cluster.wait_ready(alive=lambda: process.poll() is None and not refusing())
        except SetupError:
            if process.poll() is None:
                self.stop_at_once()
            self.start_again()

    def end(self) -> None:
        """Stop it for good."""
        self._running.stop()


@contextlib.contextmanager
def own_postgres(folder: Path) -> Iterator[OwnPostgres]:
    """Until the block ends."""
    server = OwnPostgres(folder)
    try:
        yield server
    finally:
        server.end()
