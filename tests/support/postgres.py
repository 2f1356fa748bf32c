"""A Postgres of a test's own, which may be stopped at once and started again."""

import contextlib
import signal
from collections.abc import Iterator
from pathlib import Path

import psycopg

from deployments import postgres
from deployments.postgres import Running
from models.errors import SetupError
from models.migrations.run import upgrade
from models.settings import Settings


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

    def begin_another_log_file(self) -> None:
        """What is written next needs a new file of 16 MB."""
        with psycopg.connect(self._running.cluster.superuser_url(), autocommit=True) as connection:
            connection.execute("SELECT pg_switch_wal()")

    def serve_again(self) -> bool:
        """Wait until it takes connections; it is started, and True is returned, if it had ended."""
        try:
            self._running.cluster.wait_ready(alive=lambda: self._running.process.poll() is None)
        except SetupError:
            self._running.process.wait(timeout=30)
            self.start_again()
            return True
        return False

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
