"""A Postgres of a test's own, which may be stopped at once and started again."""

import contextlib
import signal
from collections.abc import Iterator
from pathlib import Path

import psycopg

from deployments import postgres
from deployments.postgres import Running
from models.migrations.run import upgrade
from models.settings import Settings

_LOG_FILES = 100


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

    def use_up_log_files(self) -> None:
        """Write until a new log file of 16 MB is needed for which there is no room, and the server ends itself.

        One switch is not enough: files that a checkpoint has recycled are used first.
        """
        with (
            contextlib.suppress(psycopg.OperationalError),
            psycopg.connect(self._running.cluster.superuser_url(), autocommit=True) as connection,
        ):
            for _ in range(_LOG_FILES):
                connection.execute("SELECT pg_logical_emit_message(false, 'test', 'something'), pg_switch_wal()")
            raise AssertionError(f"{_LOG_FILES} log files, and still there is room.")
        self._running.process.wait(timeout=30)

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
