"""An embedded PostgreSQL that refuses everybody: told apart from one that recovers, is full, or serves."""

import contextlib
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from deployments import postgres
from deployments.postgres_refusing import Refusing
from tests.support.outbox import wait_until


class _Clock:
    """Moves when it is told to."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def running(tmp_path: Path) -> Iterator[postgres.Running]:
    running = postgres.start(tmp_path, durable=False)
    yield running
    running.stop()


def _refused(cluster: postgres.Cluster, why: str) -> bool:
    try:
        psycopg.connect(cluster.superuser_url()).close()
    except psycopg.OperationalError as error:
        return why in str(error)
    return False


def test_a_server_that_waits_for_sessions_that_do_not_end_has_to_be_ended_after_half_a_minute(
    running: postgres.Running,
) -> None:
    clock = _Clock()
    refusing = Refusing(running.cluster, monotonic=clock)
    with psycopg.connect(running.cluster.superuser_url()):
        assert not refusing()
        running.process.terminate()
        wait_until(lambda: _refused(running.cluster, "is shutting down"))
        assert [refusing() for clock.now in (100.0, 129.0, 130.0)] == [False, False, True]
        assert running.process.poll() is None


def test_a_server_that_recovers_is_left_alone_however_long_it_takes(tmp_path: Path) -> None:
    postgres.start(tmp_path, durable=False).stop()
    cluster = postgres.prepare(tmp_path, durable=False)
    # A standby without a primary recovers for ever.
    (cluster.data / "standby.signal").touch()
    clock = _Clock()
    refusing = Refusing(cluster, monotonic=clock)
    with subprocess.Popen([*cluster.command(), "-c", "hot_standby=off"], stderr=subprocess.DEVNULL) as process:
        try:
            wait_until(lambda: _refused(cluster, "the database system is"))
            assert [refusing() for clock.now in (0.0, 100.0, 1000.0)] == [False] * 3
        finally:
            process.send_signal(signal.SIGQUIT)


def test_a_server_without_room_for_one_more_session_serves_those_it_has(running: postgres.Running) -> None:
    clock = _Clock()
    refusing = Refusing(running.cluster, monotonic=clock)
    with contextlib.ExitStack() as sessions:
        while not _refused(running.cluster, "too many clients"):
            with contextlib.suppress(psycopg.OperationalError):  # the session that asked may not have ended yet
                sessions.enter_context(psycopg.connect(running.cluster.superuser_url()))
        assert [refusing() for clock.now in (0.0, 100.0)] == [False] * 2
